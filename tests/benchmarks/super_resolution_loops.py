"""How fast ``srcnn`` and ``edsr`` train beside plain public training loops of the same networks, and to what loss.

``python tests/benchmarks/super_resolution_loops.py`` prints one line of JSON a method: samples/s of both sides and
their ratio, the median over the rounds, and both sides' losses after equally many samples. Both have the published
network for one channel, patches of 96 x 96 fine cells at x4, batches of 16, Adam and the same number of threads, and
take turns (``parts/turns.py``); the plain loops are in our words (``parts/published_super_resolution.py``). With
``--clock cpu`` processor time at one thread is compared, for a machine that others work on too.
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
from disentanglement_loops import compare_losses
from parts import ours
from parts.turns import CLOCK, PROJECT, Side, end_on_signal, ratios, summary, take_rounds
from published_loops import processor

BATCH, WARM_UP, SCALE, LIMIT = 16, 2, 4, 1.5
# 80 patches of an invented planet: five whole batches.
DATA = [f"benchmark.dataset.{word}" for word in ("source=stand-in", "preset=loops", "rows=769", "columns=1152")]
METHODS = ("srcnn", "edsr")


def words_of(method: str, recipe: str) -> list[str]:
    """The command line of our side."""
    common = [f"benchmark.dataset.scale={SCALE}", f"benchmark.training.batch_size={BATCH}"]
    return ["benchmark=super_resolution", "dataset=topography", f"method={method}", f"recipe={recipe}", *DATA, *common]


def write_patches(method: str, consolidated: Path, path: Path) -> None:
    """Our training patches as the plain loop has them in memory: for srcnn enlarged before."""
    from workloads.runtime.samples.consolidated import ConsolidatedSet
    from workloads.super_resolution.resampling import enlarge_fields

    samples = ConsolidatedSet(consolidated, "training", ("input", "target"))
    arrays = samples.read(np.arange(len(samples)))
    coarse = arrays["input"]
    if method == "srcnn":
        coarse = enlarge_fields(coarse, SCALE, "bicubic").astype(np.float32)
    np.savez(path, coarse=coarse, fine=arrays["target"])


def compare_speed(method: str, options: argparse.Namespace) -> dict[str, Any]:
    """Both sides of one method."""
    words = words_of(method, options.recipe)
    consolidated = ours.ensure_data(words, options.data)
    sides: list[Side] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_patches(method, consolidated, folder / "patches.npz")
        program = [
            "-m", "parts.published_super_resolution", "--folder", name, "--method", method, "--batch", str(BATCH),
            "--data", str(folder / "patches.npz"), "--threads", str(options.threads),
        ]  # fmt: skip
        paths = f"{PROJECT}:{PROJECT / 'tests' / 'benchmarks'}"
        environment = {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(options.threads)}
        try:
            sides.append(Side("published", folder, [sys.executable, *program], 1, environment, WARM_UP))
            sides.append(ours.start("ours", folder, words, options.data, threads=options.threads, warm_up=WARM_UP))
            disturbed = take_rounds(sides, options.rounds, dict.fromkeys(("published", "ours"), options.steps))
        finally:
            for side in sides:
                side.end()
        losses = {side.name: np.load(folder / f"{side.name}-0-losses.npy").ravel() for side in sides}
    found = ratios(*sides)
    return {
        "benchmark": f"super_resolution_loops/{method}",
        "ratio": round(statistics.median(found), 2),
        "limit": LIMIT,
        "met": statistics.median(found) >= LIMIT,
        "range": [round(min(found), 2), round(max(found), 2)],
        "samples_per_s": {side.name: round(BATCH / summary([side])["step_s"][side.name], 1) for side in sides},
        "loss": compare_losses(losses),
        "recipe": options.recipe,
        "batch": BATCH,
        "threads": options.threads,
        "clock": options.clock,
        "processor": processor(),
        "rounds": options.rounds,
        "disturbed": disturbed,
    }


def main() -> None:
    """Compare the methods asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", type=lambda text: text.split(","), default=METHODS)
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5, help="of a round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--data", type=Path, default=PROJECT / "data", help="where data are kept")
    options = parser.parse_args()
    if options.clock == "cpu":
        # Threads that wait for each other take processor time too.
        options.threads = 1
        os.environ[CLOCK] = "cpu"
    end_on_signal()
    for method in options.methods:
        print(json.dumps(compare_speed(method, options)), flush=True)


if __name__ == "__main__":
    main()
