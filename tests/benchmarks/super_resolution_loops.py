"""How fast ``srcnn`` and ``edsr`` train beside plain public training loops of the same networks, and to what loss.

``python tests/benchmarks/super_resolution_loops.py`` prints one line of JSON a method: samples/s of both sides and
their ratio, the median over the rounds, and both sides' losses after equally many samples. Both have the published
network for one channel, patches of 96 x 96 fine cells at x4, batches of 16, Adam and the same number of threads, and
take turns (``parts/turns.py``); the plain loops are in our words (``parts/published_super_resolution.py``). With
``--clock cpu`` processor time at one thread is compared, for a machine that others work on too.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
from parts.loops import Comparison, compare_with_loop, loop_options, set_clock
from parts.turns import end_on_signal

PUBLISHED = "parts.published_super_resolution"
BATCH, WARM_UP, SCALE = 16, 2, 4
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


def main() -> None:
    """Compare the methods asked for, one after the other."""
    options = loop_options(__doc__, steps=5).parse_args()
    set_clock(options)
    end_on_signal()
    for method in options.methods or METHODS:
        words = words_of(method, options.recipe)
        write = partial(write_patches, method)
        asked = Comparison("super_resolution_loops", method, words, PUBLISHED, BATCH, WARM_UP, write)
        print(json.dumps(compare_with_loop(asked, options)), flush=True)


if __name__ == "__main__":
    main()
