"""Weak efficiency of two ranks on two cores, for each benchmark's ``recipe=fast``.

``python tests/benchmarks/weak_efficiency.py`` prints one line of JSON a benchmark: T(2) ÷ (2 T(1)), T in samples/s of
the project's own training loop under Horovod, one thread a rank, the published batch on each; and beside it the same
relative to two independent processes at once, which meet each other in caches and memory but exchange nothing: what is
lost to communication alone. The sides take turns (``parts/turns.py``); a ratio is the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from parts import ours
from parts.turns import PROJECT, Side, end_on_signal, ratios, summary, take_rounds
from published_loops import BATCH, overrides, processor

LIMIT = {"em_denoise": 0.93, "slstr_cloud": 0.93, "stemdl": 0.93, "dms_scatter": 0.85}
STEPS = {"em_denoise": 1, "slstr_cloud": 1, "stemdl": 3, "dms_scatter": 8}
RANKS = 2
WARM_UP = 3


def compare(benchmark: str, options: argparse.Namespace) -> dict[str, Any]:
    """One rank, two that train apart, and two that train together."""
    from workloads.runtime.devices import processor_units

    words = [*overrides(benchmark, options.recipe), *options.overrides]
    ours.ensure_data(words, options.data)
    kinds = {"one": (1, "alone"), "apart": (RANKS, "alone"), "together": (RANKS, options.comm)}
    sides: list[Side] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            for side, (ranks, comm) in kinds.items():
                sides.append(ours.start(side, folder, words, options.data, ranks, 1, comm, WARM_UP))
            disturbed = take_rounds(sides, options.rounds, dict.fromkeys(kinds, STEPS[benchmark]))
        finally:
            for started in sides:
                started.end()
    one, apart, together = sides
    efficiency, against_apart = ratios(one, together), ratios(apart, together)
    return {
        "benchmark": f"weak_efficiency/{benchmark}",
        "efficiency": round(statistics.median(efficiency), 3),
        "limit": LIMIT[benchmark],
        "met": statistics.median(efficiency) >= LIMIT[benchmark],
        "range": [round(min(efficiency), 3), round(max(efficiency), 3)],
        "against_two_apart": round(statistics.median(against_apart), 3),
        **summary(sides),
        "comm": options.comm,
        "recipe": options.recipe,
        "overrides": options.overrides,
        "batch_per_rank": ours.settings_of(words)["benchmark"]["training"]["batch_size"],
        "processor": processor(),
        "bfloat16": processor_units() or "none",
        "rounds": options.rounds,
        "disturbed": disturbed,
    }


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
        print(json.dumps(compare(benchmark, options)), flush=True)


if __name__ == "__main__":
    main()
