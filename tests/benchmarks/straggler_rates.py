"""How often slow ranks are found and others named falsely: ``analysis.stragglers`` on simulated runs.

A run's ranks differ for as long as it lasts (the spread), and each step by 3 % more; a tenth of the own time is loading
data. Sums over 100 steps are judged, as a report does. Prints in how many runs any rank is named though all are alike;
how often one that is 3, 5 or 10 % slower is named, and beside it how often the most powerful test of the same error
would name it, where the spread is unknown (Grubbs's, by Student's noncentral t) and if it were known; and how often its
cause is right. Ends with one line of JSON. The exit code is 1 if more than 1 % of runs have a false name, if a rank 5 %
slower is found in less than 95 % of runs although the best test would find it, or if fewer than 95 % of the causes are
right, each by more than chance explains.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np
from parts.simulated import rate_interval
from scipy import special

from orchestrator.analysis.stragglers import DOUBT, RANK_ERROR, judge_ranks, rank_times

RANKS = (2, 3, 4, 6, 8, 16, 64, 256, 1024, 4096)
SPREADS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05)
STEPS, STEP_NOISE, DATA = 100, 0.03, 0.1
FALSE_LIMIT, FOUND_LIMIT, CAUSE_LIMIT = 0.01, 0.95, 0.95
SLACK = 0.05
"""The best test has no smallest spread; of three or four ranks it finds a few more."""
SLOWER = (0.03, 0.05, 0.1)
MEASURED_SPREADS = (0.0, 0.005, 0.01)

Random = np.random.Generator


def run_times(random: Random, ranks: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the (R,) seconds of loading and of computing of a run of 100 s. The sum of both has that spread."""
    each = np.hypot(spread / np.hypot(DATA, 1 - DATA), STEP_NOISE / STEPS**0.5)
    data, compute = 1 + each * random.standard_normal((2, ranks))
    return 100 * DATA * data, 100 * (1 - DATA) * compute


def own_spread(spread: float) -> float:
    """Return the relative standard deviation of the own times: of the ranks and of the sum of their steps."""
    return float(np.hypot(spread, STEP_NOISE / STEPS**0.5 * np.hypot(DATA, 1 - DATA)))


def best_shares(ranks: int, spread: float, slower: float) -> tuple[float, float]:
    """Return how often the most powerful test names one slow rank: of unknown spread, and of a known one."""
    shift = slower / own_spread(spread) / np.sqrt(1 + 1 / (ranks - 1))
    tail = 1 - RANK_ERROR / ranks
    unknown = 1 - special.nctdtr(ranks - 2, shift, special.stdtrit(ranks - 2, tail)) if ranks > 2 else 0.0
    return float(unknown), float(special.ndtr(shift - special.ndtri(tail)))


def false_runs(random: Random, ranks: int, spread: float, runs: int) -> int:
    """Return in how many runs any of alike ranks is named."""
    named = 0
    for _ in range(runs):
        data, compute = run_times(random, ranks, spread)
        named += bool(judge_ranks(data + compute).high.any())
    return named


def slow_runs(random: Random, ranks: int, spread: float, slower: float, runs: int) -> tuple[int, int, int]:
    """Return in how many runs a slow rank is named, named with its cause, and at least told to be in doubt."""
    found = right = told = 0
    for number in range(runs):
        data, compute = run_times(random, ranks, spread)
        slow, cause = int(random.integers(ranks)), ("data", "compute")[number % 2]
        (data if cause == "data" else compute)[slow] += slower * 100
        own = data + compute
        fleet = judge_ranks(own)
        told += bool(fleet.high[slow] or (own.argmax() == slow and fleet.excess[slow] >= DOUBT))
        if fleet.high[slow]:
            found += 1
            right += rank_times(data, compute, own.max() - own + 1)[slow].cause == cause
    return found, right, told


def main() -> int:
    """Print the tables; 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="simulated runs a cell")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    random, runs, held = np.random.default_rng(chosen.seed), chosen.runs, True
    print(f"{runs} runs a cell, seed {chosen.seed}; runs with a false name in %, by the ranks' spread")
    print(f"{'ranks':>6}" + "".join(f"{100 * spread:9.1f} %" for spread in SPREADS))
    for ranks in RANKS:
        row = [false_runs(random, ranks, spread, runs) for spread in SPREADS]
        held &= all(rate_interval(named, runs)[0] <= FALSE_LIMIT for named in row)
        print(f"{ranks:6}" + "".join(f"{100 * named / runs:11.2f}" for named in row), flush=True)
    print("one slow rank: % found [% of the best test, spread unknown / known], % found or told in doubt, cause right")
    causes, finds = 0, 0
    for slower in SLOWER:
        for spread in MEASURED_SPREADS:
            for ranks in RANKS[1:]:
                few = max(100, runs // (2 if ranks <= 256 else 5))
                found, right, told = slow_runs(random, ranks, spread, slower, few)
                best, known = best_shares(ranks, spread, slower)
                causes, finds = causes + right, finds + found
                if slower == 0.05:
                    held &= rate_interval(found, few)[1] >= min(FOUND_LIMIT, best - SLACK)
                print(
                    f"{100 * slower:4.0f} % slower, spread {100 * spread:4.2f} %, {ranks:5} ranks:"
                    f"{100 * found / few:7.1f} [{100 * best:5.1f} / {100 * known:5.1f}]{100 * told / few:7.1f}"
                    f"{100 * right / max(1, found):7.1f}",
                    flush=True,
                )
    held &= rate_interval(causes, finds)[1] >= CAUSE_LIMIT
    print(json.dumps({"benchmark": "straggler_rates", "seed": chosen.seed, "cause_right": round(causes / finds, 4),
                      "held": held}))  # fmt: skip
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
