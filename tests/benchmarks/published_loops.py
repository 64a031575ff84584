"""How fast ``recipe=fast`` trains beside the published implementations' own training loops, on one CPU.

``python tests/benchmarks/published_loops.py [--sciml-bench CHECKOUT [--tensorflow PYTHON]]`` prints one line of JSON a
benchmark: samples/s of both sides, their ratio and its limit. Both have the published model and batch, the same samples
and as many threads, and take turns (``parts/turns.py``); a ratio is the median over the rounds. With ``--clock cpu``
processor time at one thread is compared, for a machine that others work on too.

With a checkout of stfc-sciml/sciml-bench its own code is run where it can be, else the same loop in our words
(``parts/published.py`` says what is what); ``published`` in the output names which it was.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from parts import ours
from parts.published import WRITERS
from parts.turns import CLOCK, PROJECT, Side, end_on_signal, ratios, summary, take_rounds

BATCH = {"em_denoise": 128, "slstr_cloud": 32, "stemdl": 32, "dms_scatter": 32}
DATA = {
    "em_denoise": ["preset=speed", "training_images=256", "evaluation_images=16", "inference_images=1"],
    "slstr_cloud": ["preset=speed", "scenes=20"],
    "stemdl": ["preset=small"],
    "dms_scatter": ["preset=small"],
}
SAMPLES = 256
"""Samples that the published side has; the same ones are among ours."""
STEPS = {"em_denoise": 1, "slstr_cloud": 1, "stemdl": 2, "dms_scatter": 4}
LIMITS = {True: {"dms_scatter": 1.3}, False: {"dms_scatter": 1.1}}
LIMIT = {True: 2.2, False: 1.4}
"""Least ratio, on cores with and without bfloat16 units."""


def processor() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def write_samples(benchmark: str, consolidated: Path, folder: Path) -> None:
    """Some of our training samples in the layout that the published loader reads."""
    from workloads.runtime.samples.consolidated import ConsolidatedSet

    samples = ConsolidatedSet(consolidated, "training", ("input", "target"))
    arrays = samples.read(np.arange(min(SAMPLES, len(samples))))
    WRITERS[benchmark](arrays, folder)


def overrides(benchmark: str, recipe: str) -> list[str]:
    """The command line of our side: the recipe on the stand-in."""
    data = [f"benchmark.dataset.{word}" for word in ("source=stand-in", *DATA[benchmark])]
    return [f"benchmark={benchmark}", f"recipe={recipe}", *data, f"benchmark.training.batch_size={BATCH[benchmark]}"]


def compare(benchmark: str, options: argparse.Namespace) -> dict[str, Any]:
    """Both sides of one benchmark."""
    batch = options.batch.get(benchmark, BATCH[benchmark])
    words = [*overrides(benchmark, options.recipe), f"benchmark.training.batch_size={batch}"]
    consolidated = ours.ensure_data(words, options.data)
    sides: list[Side] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "published").mkdir()
        write_samples(benchmark, consolidated, folder / "published")
        checkout = options.sciml_bench if benchmark != "stemdl" else None
        if benchmark == "slstr_cloud" and not options.tensorflow:
            checkout = None
        python = options.tensorflow if benchmark == "slstr_cloud" and checkout else sys.executable
        program = ["-m", "parts.published", "--side", "published", "--folder", name, "--benchmark", benchmark,
                   "--data", str(folder / "published"), "--batch", str(batch),
                   "--threads", str(options.threads), *(["--checkout", str(checkout)] if checkout else []),
                   *(["--keep-memory"] if options.keep_memory else [])]  # fmt: skip
        paths = f"{PROJECT}:{PROJECT / 'tests' / 'benchmarks'}"
        environment = {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(options.threads)}
        try:
            sides.append(Side("published", folder, [str(python), *program], environment=environment))
            sides.append(ours.start("ours", folder, words, options.data, threads=options.threads, warm_up=2))
            steps = {"published": STEPS[benchmark], "ours": 2 * STEPS[benchmark]}
            disturbed = take_rounds(sides, options.rounds, steps)
        finally:
            for side in sides:
                side.end()
        published, fast = sides
        found = ratios(published, fast)
        rates = {side.name: round(batch / summary([side])["step_s"][side.name], 2) for side in sides}
        data_share = statistics.median(fast.median(number, 2) / fast.median(number) for number in range(options.rounds))
    from workloads.runtime.devices import processor_units

    units = processor_units()
    limit = LIMITS[units is not None].get(benchmark, LIMIT[units is not None])
    return {
        "benchmark": f"published_loops/{benchmark}",
        "ratio": round(statistics.median(found), 2),
        "limit": limit,
        "met": statistics.median(found) >= limit,
        "range": [round(min(found), 2), round(max(found), 2)],
        "samples_per_s": rates,
        "data_share": round(data_share, 4) if options.clock == "wall" else None,
        "recipe": options.recipe,
        "batch": batch,
        "published_batch": BATCH[benchmark],
        "clock": options.clock,
        "published": "its own code" if checkout else "in our words",
        "published_keeps_memory": options.keep_memory,
        "threads": options.threads,
        "processor": processor(),
        "bfloat16": units or "none",
        "rounds": options.rounds,
        "disturbed": disturbed,
    }


def batches(text: str) -> dict[str, int]:
    """Batch sizes by benchmark, from "em_denoise=32,slstr_cloud=8"."""
    return {name: int(size) for name, _, size in (word.partition("=") for word in text.split(","))}


def main() -> None:
    """Compare the benchmarks asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmarks", type=lambda text: text.split(","), default=list(BATCH))
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--batch", type=batches, default={}, metavar="BENCHMARK=N,…", help="not the published batch")
    parser.add_argument("--data", type=Path, default=PROJECT / "data", help="where stand-in data are kept")
    parser.add_argument("--sciml-bench", type=Path, help="a checkout whose own loops are measured")
    parser.add_argument("--keep-memory", action="store_true", help="published loops keep freed memory too, as ours do")
    parser.add_argument("--tensorflow", type=Path, help="an interpreter with TensorFlow, for slstr_cloud's own loop")
    options = parser.parse_args()
    if options.clock == "cpu":
        # Threads that wait for each other take processor time too.
        options.threads = 1
        os.environ[CLOCK] = "cpu"
    end_on_signal()
    for benchmark in options.benchmarks:
        print(json.dumps(compare(benchmark, options)), flush=True)


if __name__ == "__main__":
    main()
