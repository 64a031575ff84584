"""How fast ``group_cnn`` trains beside a plain loop of escnn's equal network, and to what loss.

``python tests/benchmarks/rotations_loops.py`` prints one line of JSON: samples/s of both sides and their ratio, the
median over the rounds, and both sides' losses after equally many samples. Both have C8, the widths, filters,
pooling and batch of ``recipe=small``, Adam at 0.003 and as many threads, and take turns (``parts/turns.py``). The
plain loop is in our words (``parts/published_rotations.py``), its layers are escnn's, which has to be installed.
With ``--clock cpu`` processor time at one thread is compared, for a machine that others work on too. The accuracies
of both networks are those of the methods ``group_cnn`` and ``steerable``. ``--efficiency`` has two ranks on two
cores beside one instead.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from parts.loops import Comparison, Ranks, compare_two_ranks, compare_with_loop, loop_options, set_clock
from parts.turns import end_on_signal

BATCH, WARM_UP, EFFICIENCY = 64, 3, 0.93
# Of 4,800 images nine tenths are no nines, four fifths of which are trained on: 27 whole batches of two ranks.
DATA = [f"benchmark.dataset.{word}" for word in ("source=stand-in", "preset=loops", "images=4800")]
MODEL = [f"benchmark.model.{word}" for word in ("group=C8", "fields=[3,6,8]", "kernels=[5,5,5]", "halved_after=[1,2]")]


def words_of(recipe: str) -> list[str]:
    """The command line of our side."""
    common = [f"benchmark.training.batch_size={BATCH}", "benchmark.training.optimizer.learning_rate=0.003"]
    return ["benchmark=rotations", "dataset=digits", "method=group_cnn", f"recipe={recipe}", *DATA, *MODEL, *common]


def write_images(consolidated: Path, path: Path) -> None:
    """Our training images as the plain loop has them in memory."""
    from workloads.runtime.samples.consolidated import ConsolidatedSet

    samples = ConsolidatedSet(consolidated, "training", ("image", "label"))
    arrays = samples.read(np.arange(len(samples)))
    np.savez(path, images=arrays["image"], labels=arrays["label"])


def main() -> None:
    """Compare both sides."""
    options = loop_options(__doc__, steps=10).parse_args()
    set_clock(options)
    end_on_signal()
    words = words_of(options.recipe)
    if options.efficiency:
        ranks = Ranks("rotations_efficiency", "group_cnn", words, BATCH, WARM_UP)
        print(json.dumps(compare_two_ranks(ranks, EFFICIENCY, options)), flush=True)
    else:
        published = "parts.published_rotations"
        asked = Comparison("rotations_loops", "group_cnn", words, published, BATCH, WARM_UP, write_images)
        print(json.dumps(compare_with_loop(asked, options)), flush=True)


if __name__ == "__main__":
    main()
