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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from parts.loops import Comparison, Ranks, compare_two_ranks, compare_with_loop, loop_options, set_clock
from parts.turns import end_on_signal

PUBLISHED = "parts.published_disentanglement"
BATCH, WARM_UP = 64, 3
# Whole batches: 3,584 images of xyc, 1,024 of arrow.
XYC = ["dataset=xyc", "benchmark.dataset.split=held_out", "benchmark.dataset.evaluation_images=61"]
BURGESS = ["dataset=arrow", "benchmark.model.network=burgess"]
WORDS = {
    "dae": XYC,
    "beta_vae": [*BURGESS, "benchmark.model.beta=4.0", "benchmark.training.optimizer.learning_rate=0.0005"],
    "factor_vae": BURGESS,
}
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
    words, write = words_of(method, options.recipe), partial(write_images, method)
    asked = Comparison("disentanglement_loops", method, words, PUBLISHED, BATCH, WARM_UP, write)
    return compare_with_loop(asked, options)


def compare_ranks(method: str, options: argparse.Namespace) -> dict[str, Any]:
    """One rank, and two that train together."""
    asked = Ranks("disentanglement_efficiency", method, words_of(method, options.recipe), BATCH, WARM_UP)
    return compare_two_ranks(asked, EFFICIENCY[method], options)


def main() -> None:
    """Compare the methods asked for, one after the other."""
    options = loop_options(__doc__, steps=20).parse_args()
    set_clock(options)
    end_on_signal()
    compare, methods = (compare_ranks, EFFICIENCY) if options.efficiency else (compare_speed, ("dae", "beta_vae"))
    for method in options.methods or methods:
        print(json.dumps(compare(method, options)), flush=True)


if __name__ == "__main__":
    main()
