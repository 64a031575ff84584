"""Weak efficiency of two ranks on two cores, for each benchmark's ``recipe=fast``.

``python tests/benchmarks/weak_efficiency.py`` prints one line of JSON a benchmark: T(2) ÷ (2 T(1)), T in samples/s of
the project's own training loop under Horovod, one thread a rank, the published batch on each; and beside it the same
relative to two independent processes at once, which meet each other in caches and memory but exchange nothing: what is
lost to communication alone. The sides take turns (``parts/turns.py``); a ratio is the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from parts import ours
from parts.loops import Ranks, compare_two_ranks
from parts.turns import PROJECT, end_on_signal
from published_loops import BATCH, overrides

LIMIT = {"em_denoise": 0.93, "slstr_cloud": 0.93, "stemdl": 0.93, "dms_scatter": 0.85}
STEPS = {"em_denoise": 1, "slstr_cloud": 1, "stemdl": 3, "dms_scatter": 8}
WARM_UP = 3


def main() -> None:
    """Compare the benchmarks asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmarks", type=lambda text: text.split(","), default=list(BATCH))
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--comm", default="horovod")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, default=PROJECT / "data", help="where stand-in data are kept")
    parser.add_argument("overrides", nargs="*", help="further configuration, such as benchmark.training.batch_size=16")
    options = parser.parse_args()
    end_on_signal()
    for benchmark in options.benchmarks:
        words = [*overrides(benchmark, options.recipe), *options.overrides]
        batch = ours.settings_of(words)["benchmark"]["training"]["batch_size"]
        options.steps = STEPS[benchmark]
        ranks = Ranks("weak_efficiency", benchmark, words, batch, WARM_UP)
        found = compare_two_ranks(ranks, LIMIT[benchmark], options)
        print(json.dumps({**found, "overrides": options.overrides}), flush=True)


if __name__ == "__main__":
    main()
