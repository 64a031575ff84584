"""How often acceptance is wrong: ``judgement.judge_repeats`` over sequences of repeats of simulated machines.

A machine's repeats scatter about its true speed. One that is 5 % under its bound must not pass, one that is exactly at
its reference (whose bound lies 5 % below) must not fail; a machine at its bound exactly is the worst case of both. Each
is followed from the first look to a decision or the limit, as a suite does it. Prints the rates of pass, fail and
undecided with their 95 % intervals (Clopper and Pearson 1934) and the mean number of repeats; then one line of JSON.
A wrong verdict may come in at most 2.5 % of sequences (the judge's promise for normal noise): else the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

import numpy as np
from scipy import stats

from orchestrator.analysis.judgement import Looks, Reference, judge_repeats

REFERENCE = Reference(1000.0, -0.05, None, "samples/s")
BOUND = REFERENCE.bounds[0]
LIMIT = 0.025
SPREADS = (0.005, 0.015, 0.03, 0.06)
MACHINES = {"5 % under its bound": 0.95 * BOUND, "at its bound": BOUND, "at its reference": REFERENCE.value}
WRONG = {"5 % under its bound": "pass", "at its bound": "pass", "at its reference": "fail"}

Draw = Callable[[np.random.Generator, int, float], np.ndarray]


def normal(random: np.random.Generator, count: int, spread: float) -> np.ndarray:
    """Normal noise, relative."""
    return 1 + spread * random.standard_normal(count)


def disturbed(random: np.random.Generator, count: int, spread: float) -> np.ndarray:
    """Normal noise, and one run in twenty 5 to 20 % slower."""
    slow = (random.random(count) < 0.05) * random.uniform(0.05, 0.2, count)
    return normal(random, count, spread) - slow


NOISES: dict[str, Draw] = {"normal": normal, "disturbed": disturbed}


def verdict(values: np.ndarray, rule: Looks) -> tuple[str, int]:
    """The outcome of one machine's repeats, and how many were needed."""
    for count in range(rule.first, rule.limit + 1):
        outcome = judge_repeats(list(values[:count]), REFERENCE, rule).outcome
        if outcome != "needs more":
            return outcome, count
    raise AssertionError("the limit always decides")


def rates(speed: float, noise: Draw, spread: float, trials: int, rule: Looks) -> dict[str, float]:
    """Shares of outcomes, and mean repeats."""
    random = np.random.default_rng(7)
    found = [verdict(speed * noise(random, rule.limit, spread), rule) for _ in range(trials)]
    shares = {name: sum(outcome == name for outcome, _ in found) / trials for name in ("pass", "fail", "undecided")}
    return {**shares, "repeats": float(np.mean([count for _, count in found]))}


def interval(share: float, trials: int) -> tuple[float, float]:
    """Of a share of so many trials, 95 %."""
    count = round(share * trials)
    low = stats.beta.ppf(0.025, count, trials - count + 1) if count else 0.0
    high = stats.beta.ppf(0.975, count + 1, trials - count) if count < trials else 1.0
    return float(low), float(high)


def main() -> int:
    """Print the table; 1 if a wrong verdict comes more often under normal noise than promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    rule = Looks()
    print(
        f"reference {REFERENCE.value:g}, bound {BOUND:g} samples/s, {rule.first} to {rule.limit} repeats, n = {trials}"
    )
    print(
        f"{'machine':22}{'noise':12}{'spread':>8}{'pass':>9}{'fail':>9}{'undecided':>11}{'repeats':>9}   wrong [95 %]"
    )
    worst = 0.0
    for name, speed in MACHINES.items():
        for kind, noise in NOISES.items():
            for spread in SPREADS:
                found = rates(speed, noise, spread, trials, rule)
                wrong = found[WRONG[name]]
                low, high = interval(wrong, trials)
                if kind == "normal":
                    worst = max(worst, low)
                cells = "".join(
                    f"{100 * found[key]:{width}.1f} %" for key, width in (("pass", 7), ("fail", 7), ("undecided", 9))
                )
                print(f"{name:22}{kind:12}{100 * spread:6.1f} %{cells}{found['repeats']:9.1f}   "
                      f"{100 * wrong:.2f} % [{100 * low:.2f}, {100 * high:.2f}]")  # fmt: skip
    held = worst <= LIMIT
    print(json.dumps({"benchmark": "acceptance_rates", "wrong_lower_end": worst, "limit": LIMIT, "held": held}))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
