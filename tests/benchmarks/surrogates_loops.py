"""How fast ``fno`` trains on Darcy's equation beside neuraloperator's own loop, and to what loss.

``python tests/benchmarks/surrogates_loops.py --site FOLDER`` prints one line of JSON: samples/s of both sides and their
ratio, the median over the rounds, and both sides' losses after equally many samples. FOLDER is where ``pip install
--target FOLDER neuraloperator`` put that package. Both sides have its example's network (191,881 parameters), 1000
samples of 16 x 16 points, batches of 64, H1 loss, AdamW 0.01 and the same number of threads, and take turns
(``parts/turns.py``; ``parts/published_surrogates.py``). With ``--clock cpu`` processor time at one thread is compared,
for a machine that others work on too. ``--efficiency`` has two ranks on two cores beside one instead.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from parts.loops import Comparison, Ranks, compare_two_ranks, compare_with_loop, loop_options, set_clock
from parts.turns import end_on_signal

PUBLISHED = "parts.published_surrogates"
BATCH, WARM_UP = 64, 2
EFFICIENCY = 0.90
MODEL = ("loss=h1", "modes=5", "rows=8", "width=24", "lifting=48", "projection=48", "channel_mlp=12", "padding=0.0")
TRAINING = (
    f"batch_size={BATCH}", "global_batch_size=null", f"base_batch_size={BATCH}", "optimizer.name=adamw",
    "optimizer.learning_rate=0.01", "optimizer.weight_decay=0.0001", "schedule=constant", "warmup_epochs=0.0",
)  # fmt: skip
DATA = (
    "preset=loops", "grid=16", "evaluation_grids=[31]", "solver_grid=61", "samples=1024", "evaluation_samples=64",
)  # fmt: skip


def words_of(recipe: str) -> list[str]:
    """The command line of our side."""
    settings = {"model": MODEL, "training": TRAINING, "dataset": DATA}
    told = [f"benchmark.{section}.{word}" for section, words in settings.items() for word in words]
    return ["benchmark=surrogates", "dataset=darcy", "method=fno", f"recipe={recipe}", *told]


def write_pairs(consolidated: Path, path: Path) -> None:
    """Our training fields as the other loop has them in memory: standardised inputs, targets in their unit."""
    from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of
    from workloads.surrogates.datasets.pairs import PairsDescription

    samples = ConsolidatedSet(consolidated, "training", ("input", "target"))
    arrays, facts = samples.read(np.arange(len(samples))), read_description_of(consolidated, PairsDescription)
    (mean, output_mean), (deviation, output_deviation) = facts["means"], facts["deviations"]
    inputs = ((arrays["input"] - mean) / deviation).astype(np.float32)
    np.savez(path, inputs=inputs, targets=arrays["target"], unit=[output_mean, output_deviation])


def main() -> None:
    """Compare both."""
    parser = loop_options(__doc__, steps=15)
    parser.add_argument("--site", type=Path, help="folder with the package neuraloperator")
    options = parser.parse_args()
    set_clock(options)
    end_on_signal()
    words = words_of(options.recipe)
    if options.efficiency:
        ranks = Ranks("surrogates_efficiency", "fno", words, BATCH, WARM_UP)
        print(json.dumps(compare_two_ranks(ranks, EFFICIENCY, options)), flush=True)
        return
    if options.site is None:
        parser.error("--site is needed: pip install --target FOLDER neuraloperator, then --site FOLDER")
    told = ("--site", str(options.site.resolve()))
    asked = Comparison("surrogates_loops", "fno", words, PUBLISHED, BATCH, WARM_UP, write_pairs, told)
    print(json.dumps(compare_with_loop(asked, options)), flush=True)


if __name__ == "__main__":
    main()
