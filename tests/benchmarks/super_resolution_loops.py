"""How fast ``srcnn`` and ``edsr`` train beside plain public training loops of the same networks, and to what loss.

``python tests/benchmarks/super_resolution_loops.py`` prints one line of JSON a method: samples/s of both sides and
their ratio, the median over the rounds, and both sides' losses after equally many samples. Both have the published
network for one channel, patches of 96 x 96 fine cells at x4, batches of 16, Adam and the same number of threads,
and take turns (``parts/turns.py``); the plain loops are in our words (``parts/published_super_resolution.py``).
With ``--clock cpu`` processor time at one thread is compared, for a machine that others work on too.
``--efficiency`` has two ranks on two cores beside one instead.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
from parts.loops import Comparison, Ranks, compare_two_ranks, compare_with_loop, loop_options, set_clock
from parts.turns import end_on_signal

PUBLISHED = "parts.published_super_resolution"
BATCH, WARM_UP, SCALE = 16, 2, 4
# 160 patches of an invented planet: five whole batches of two ranks.
DATA = [f"benchmark.dataset.{word}" for word in ("source=stand-in", "preset=loops", "rows=1537", "columns=1152")]
EFFICIENCY = 0.93
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


def main() -> None:
    """Compare the methods asked for, one after the other."""
    parser = loop_options(__doc__, steps=5)
    parser.add_argument("--last-rate", default="1e-5", help="of the last layer in srcnn's plain loop; ours has 1e-4")
    parser.add_argument("--seed", help="of the plain loop's weights; left out: the published one. Ours has 1")
    options = parser.parse_args()
    set_clock(options)
    end_on_signal()
    for method in options.methods or METHODS:
        words = words_of(method, options.recipe)
        if options.efficiency:
            ranks = Ranks("super_resolution_efficiency", method, words, BATCH, WARM_UP)
            print(json.dumps(compare_two_ranks(ranks, EFFICIENCY, options)), flush=True)
            continue
        write = partial(write_patches, method)
        told = ("--last-rate", options.last_rate, *(("--seed", options.seed) if options.seed else ()))
        asked = Comparison("super_resolution_loops", method, words, PUBLISHED, BATCH, WARM_UP, write, told)
        print(json.dumps(compare_with_loop(asked, options)), flush=True)


if __name__ == "__main__":
    main()
