"""``zcs`` beside DeepXDE's own zero coordinate shift on its example, and beside ``function_loop`` as published.

``python tests/benchmarks/operators_loops.py`` prints one line of JSON a comparison: ms a step of both sides, the ratio
of their steps (the median over the rounds), and how much memory each took for its steps at most. Both sides of a
comparison have the same network, batches of 50 functions, as many points and threads, and take turns
(``parts/turns.py``). ``deepxde``: the points of DeepXDE's example (200, 40, 20); needs that package, see
``parts/published_operators.py``. ``function_loop``: those of the published code (1,000, 200, 100).
With ``--clock cpu`` processor time at one thread is compared, for a machine that others work on too. ``--efficiency``
has two ranks of ``zcs`` on two cores, at the published code's points, beside one instead.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parts import ours
from parts.loops import Ranks, compare_two_ranks, loop_options, set_clock
from parts.turns import PROJECT, Side, end_on_signal, ratios, summary, take_rounds

FUNCTIONS, BATCH, WARM_UP, EFFICIENCY = 200, 50, 2, 0.90
# Solutions are not looked at, so they are made on a small grid.
DATA = ["benchmark=operators", "dataset=diffusion_reaction"] + [
    f"benchmark.dataset.{word}" for word in ("preset=loops", f"functions={FUNCTIONS}", "grid=[10,10]")
]
EXAMPLE = [f"benchmark.dataset.{word}" for word in ("points=200", "boundary_points=40", "initial_points=20")]
LIMITS = {"deepxde": 1.0, "function_loop": 8.0}
"""How many times faster ``zcs`` has to be."""


def words_of(method: str, recipe: str, points: Sequence[str]) -> list[str]:
    """The command line of a side of ours."""
    return [*DATA, f"method={method}", f"recipe={recipe}", f"benchmark.training.batch_size={BATCH}", *points]


def start_other(name: str, folder: Path, options: Any) -> Side:
    """The side that ``zcs`` is compared with."""
    if name == "function_loop":
        words = words_of(name, options.recipe, [])
        return ours.start(name, folder, words, options.data, threads=options.threads, warm_up=1)
    words = ["--folder", str(folder), "--functions", str(FUNCTIONS), "--batch", str(BATCH)]
    program = [sys.executable, "-m", "parts.published_operators", *words, "--threads", str(options.threads)]
    paths = [str(PROJECT), str(PROJECT / "tests" / "benchmarks"), *([options.deepxde] if options.deepxde else [])]
    environment = {"PYTHONPATH": ":".join(paths), "OMP_NUM_THREADS": str(options.threads)}
    return Side("published", folder, program, 1, environment, WARM_UP)


def compare(name: str, options: Any) -> dict[str, Any]:
    """Both sides in turns."""
    from published_loops import processor

    words = words_of("zcs", options.recipe, EXAMPLE if name == "deepxde" else [])
    ours.ensure_data(words, options.data)
    sides: list[Side] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            sides.append(start_other(name, Path(folder), options))
            sides.append(ours.start("zcs", Path(folder), words, options.data, threads=options.threads, warm_up=WARM_UP))
            counts = {sides[0].name: options.steps if name == "deepxde" else 1, "zcs": options.steps}
            disturbed = take_rounds(sides, options.rounds, counts)
            memory = {side.name: side.memory() for side in sides}
        finally:
            for side in sides:
                side.end()
    found = ratios(*sides)
    return {
        "benchmark": f"operators_loops/{name}",
        "ratio": round(statistics.median(found), 2),
        "limit": LIMITS[name],
        "met": statistics.median(found) >= LIMITS[name],
        "range": [round(min(found), 2), round(max(found), 2)],
        "step_ms": {side: round(1000 * seconds, 2) for side, seconds in summary(sides)["step_s"].items()},
        "memory_mib": {side: round(taken / 2**20, 1) for side, taken in memory.items()},
        "recipe": options.recipe,
        "functions": BATCH,
        "threads": options.threads,
        "clock": options.clock,
        "processor": processor(),
        "rounds": options.rounds,
        "disturbed": disturbed,
    }


def main() -> None:
    """Make the comparisons asked for, one after the other."""
    parser = loop_options(__doc__, steps=20)
    parser.add_argument("--deepxde", help="a folder that holds the package deepxde, if it is not installed")
    options = parser.parse_args()
    set_clock(options)
    end_on_signal()
    if options.efficiency:
        ranks = Ranks("operators_efficiency", "zcs", words_of("zcs", options.recipe, []), BATCH, WARM_UP)
        print(json.dumps(compare_two_ranks(ranks, EFFICIENCY, options)), flush=True)
        return
    for name in options.methods or LIMITS:
        print(json.dumps(compare(name, options)), flush=True)


if __name__ == "__main__":
    main()
