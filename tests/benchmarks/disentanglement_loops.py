"""How fast ``dae`` and ``beta_vae`` train beside the published training loops, and to what loss.

``python tests/benchmarks/disentanglement_loops.py`` prints one line of JSON a method: samples/s of both sides and their
ratio, the median over the rounds, and both sides' losses after equally many samples. Both have the published network,
batch, optimiser and number of threads, and take turns (``parts/turns.py``); the published loops are in our words
(``parts/published_disentanglement.py``). With ``--clock cpu`` processor time at one thread is compared, for a machine
that others work on too. ``--efficiency`` has two ranks on two cores beside one instead, also of factor_vae.
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
from numpy.typing import NDArray
from parts import ours
from parts.turns import CLOCK, PROJECT, Side, end_on_signal, ratios, summary, take_rounds
from published_loops import processor

BATCH, WARM_UP = 64, 3
# Whole batches: 3,584 images of xyc, 1,024 of arrow.
XYC = ["dataset=xyc", "benchmark.dataset.split=held_out", "benchmark.dataset.evaluation_images=61"]
BURGESS = ["dataset=arrow", "benchmark.model.network=burgess"]
WORDS = {
    "dae": XYC,
    "beta_vae": [*BURGESS, "benchmark.model.beta=4.0", "benchmark.training.optimizer.learning_rate=0.0005"],
    "factor_vae": BURGESS,
}
LIMIT = 1.5
EFFICIENCY = {"dae": 0.93, "beta_vae": 0.93, "factor_vae": 0.85}


def words_of(method: str, recipe: str) -> list[str]:
    """The command line of our side."""
    common = ["benchmark.dataset.preset=small", f"benchmark.training.batch_size={BATCH}"]
    return ["benchmark=disentanglement", f"method={method}", f"recipe={recipe}", *WORDS[method], *common]


def write_images(method: str, consolidated: Path, path: Path) -> None:
    """Our training images as the published loop has them in memory."""
    from workloads.runtime.samples.consolidated import ConsolidatedSet

    samples = ConsolidatedSet(consolidated, "training", ("image", "factors"))
    arrays = samples.read(np.arange(len(samples)))
    images = arrays["image"]
    images = (images[:, 0] / np.float32(255)) if method == "dae" else images.transpose(0, 2, 3, 1)
    np.savez(path, imgs=images, labs=arrays["factors"])


def compare_speed(method: str, options: argparse.Namespace) -> dict[str, Any]:
    """Both sides of one method."""
    words = words_of(method, options.recipe)
    consolidated = ours.ensure_data(words, options.data)
    sides: list[Side] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(method, consolidated, folder / "images.npz")
        program = [
            "-m", "parts.published_disentanglement", "--folder", name, "--method", method, "--batch", str(BATCH),
            "--data", str(folder / "images.npz"), "--threads", str(options.threads),
        ]  # fmt: skip
        paths = f"{PROJECT}:{PROJECT / 'tests' / 'benchmarks'}"
        environment = {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(options.threads)}
        try:
            sides.append(Side("published", folder, [sys.executable, *program], 1, environment, WARM_UP))
            sides.append(ours.start("ours", folder, words, options.data, threads=options.threads, warm_up=WARM_UP))
            steps = dict.fromkeys(("published", "ours"), options.steps)
            disturbed = take_rounds(sides, options.rounds, steps)
        finally:
            for side in sides:
                side.end()
        losses = {side.name: np.load(folder / f"{side.name}-0-losses.npy").ravel() for side in sides}
    published, fast = sides
    found = ratios(published, fast)
    data_share = statistics.median(fast.median(number, 2) / fast.median(number) for number in range(options.rounds))
    return {
        "benchmark": f"disentanglement_loops/{method}",
        "ratio": round(statistics.median(found), 2),
        "limit": LIMIT,
        "met": statistics.median(found) >= LIMIT,
        "range": [round(min(found), 2), round(max(found), 2)],
        "samples_per_s": {side.name: round(BATCH / summary([side])["step_s"][side.name], 1) for side in sides},
        "loss": compare_losses(losses),
        "data_share": round(data_share, 4) if options.clock == "wall" else None,
        "recipe": options.recipe,
        "batch": BATCH,
        "threads": options.threads,
        "clock": options.clock,
        "processor": processor(),
        "rounds": options.rounds,
        "disturbed": disturbed,
    }


def compare_losses(losses: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Both sides' mean loss over the last quarter of the steps that both have taken, and the steps."""
    steps = min(len(found) for found in losses.values())
    window = slice(steps - steps // 4, steps)
    return {"steps": steps} | {name: round(float(found[window].mean()), 4) for name, found in losses.items()}


def compare_ranks(method: str, options: argparse.Namespace) -> dict[str, Any]:
    """One rank, and two that train together."""
    words = words_of(method, options.recipe)
    ours.ensure_data(words, options.data)
    sides: list[Side] = []
    with tempfile.TemporaryDirectory() as name:
        try:
            for side, ranks, comm in (("one", 1, "alone"), ("together", 2, options.comm)):
                sides.append(ours.start(side, Path(name), words, options.data, ranks, 1, comm, WARM_UP))
            disturbed = take_rounds(sides, options.rounds, dict.fromkeys(("one", "together"), options.steps))
        finally:
            for started in sides:
                started.end()
    efficiency = ratios(*sides)
    return {
        "benchmark": f"disentanglement_efficiency/{method}",
        "efficiency": round(statistics.median(efficiency), 3),
        "limit": EFFICIENCY[method],
        "met": statistics.median(efficiency) >= EFFICIENCY[method],
        "range": [round(min(efficiency), 3), round(max(efficiency), 3)],
        **summary(sides),
        "comm": options.comm,
        "recipe": options.recipe,
        "batch_per_rank": BATCH,
        "processor": processor(),
        "rounds": options.rounds,
        "disturbed": disturbed,
    }


def main() -> None:
    """Compare the methods asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", type=lambda text: text.split(","))
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="of a round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--efficiency", action="store_true")
    parser.add_argument("--comm", default="horovod")
    parser.add_argument("--data", type=Path, default=PROJECT / "data", help="where data are kept")
    options = parser.parse_args()
    if options.clock == "cpu":
        # Threads that wait for each other take processor time too.
        options.threads = 1
        os.environ[CLOCK] = "cpu"
    end_on_signal()
    compare, methods = (compare_ranks, EFFICIENCY) if options.efficiency else (compare_speed, ("dae", "beta_vae"))
    for method in options.methods or methods:
        print(json.dumps(compare(method, options)), flush=True)


if __name__ == "__main__":
    main()
