"""How often the 95 % intervals of reports hold the truth: ``intervals.summary`` and ``scaling.efficiencies``.

Prints the coverage in % by kind of noise and number of repeats, of throughputs and of efficiencies between two scales,
then days that differ by 1 % beside repeats that differ by 1 %, and one line of JSON. The exit code is 1 if normal
noise is covered in less than 93.5 or more than 96.5 %, or any other in less than 92 %.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np
from parts.simulated import NOISES, Noise

from orchestrator.analysis.intervals import summaries, summary
from orchestrator.analysis.scaling import efficiencies

REPEATS = (2, 3, 4, 5, 7, 10, 20)
PAIRS = ((2, 2), (2, 20), (3, 3), (3, 5), (3, 20), (20, 3), (5, 5), (5, 20), (10, 10), (20, 20))
LEAST, MOST, LEAST_OTHER = 93.5, 96.5, 92.0
DAY_COUNTS = (3, 5, 10)


def throughput_coverage(random: np.random.Generator, noise: Noise, n: int, spread: float, trials: int) -> float:
    """Return the percentage of intervals that hold the geometric mean of all runs."""
    values = np.exp(spread * noise(random, (trials, n)))
    ends = [found.interval or (1.0, 0.0) for found in summaries(values.tolist())]
    return 100 * float(np.mean([low <= 1 <= high for low, high in ends]))


def efficiency_coverage(
    random: np.random.Generator, noise: Noise, counts: tuple[int, int], spread: float, trials: int
) -> float:
    """Return the coverage of intervals that hold an efficiency of 1; ``counts``: repeats at the scale, and the base."""
    top, base = (np.exp(spread * noise(random, (trials, n))) for n in counts)
    ends = [efficiencies({1: low, 2: 2 * high})[1].interval or (1.0, 0.0) for high, low in zip(top, base, strict=True)]
    return 100 * float(np.mean([low <= 1 <= high for low, high in ends]))


def day_coverage(random: np.random.Generator, days: int, spread: float, trials: int, known: bool) -> float:
    """Return the coverage of ``days`` that have five repeats and an effect each; ``known``: the days are told."""
    logs = spread * (random.standard_normal((trials, days, 1)) + random.standard_normal((trials, days, 5)))
    names = [str(day) for day in range(days) for _ in range(5)] if known else None
    ends = [summary(row, days=names).interval or (1.0, 0.0) for row in np.exp(logs.reshape(trials, -1))]
    return 100 * float(np.mean([low <= 1 <= high for low, high in ends]))


def main() -> int:
    """Print the tables; 1 if a bound is missed by more than three standard errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=4000, help="samples a cell")
    parser.add_argument("--spread", type=float, default=0.02, help="standard deviation of one run, relative")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    random = np.random.default_rng(chosen.seed)
    slack = 3 * 100 * float(np.sqrt(0.05 * 0.95 / chosen.trials))
    held = True
    print(f"coverage in %, spread {100 * chosen.spread:g} %, {chosen.trials} samples a cell, seed {chosen.seed}")
    print("throughput   " + "".join(f"{f'n={n}':>9}" for n in REPEATS))
    for name, noise in NOISES.items():
        row = [throughput_coverage(random, noise, n, chosen.spread, chosen.trials) for n in REPEATS]
        held &= all(is_held(name, value, slack) for value in row)
        print(f"{name:13}" + "".join(f"{value:9.1f}" for value in row), flush=True)
    print("efficiency   " + "".join(f"{f'n={top},{base}':>9}" for top, base in PAIRS))
    for name, noise in NOISES.items():
        row = [efficiency_coverage(random, noise, pair, chosen.spread, chosen.trials) for pair in PAIRS]
        held &= all(is_held(name, value, slack) for value in row)
        print(f"{name:13}" + "".join(f"{value:9.1f}" for value in row), flush=True)
    print("days of 5    " + "".join(f"{f'{days} days':>9}" for days in DAY_COUNTS))
    for known in (False, True):
        row = [day_coverage(random, days, 0.01, chosen.trials, known) for days in DAY_COUNTS]
        print(f"{'told' if known else 'not told':13}" + "".join(f"{value:9.1f}" for value in row), flush=True)
    print(json.dumps({"benchmark": "interval_coverage", "seed": chosen.seed, "trials": chosen.trials, "held": held}))
    return 0 if held else 1


def is_held(name: str, coverage: float, slack: float) -> bool:
    """Whether a coverage is within its bounds, but for the simulation's own error."""
    if name == "normal":
        return LEAST - slack <= coverage <= MOST + slack
    return coverage >= LEAST_OTHER - slack


if __name__ == "__main__":
    sys.exit(main())
