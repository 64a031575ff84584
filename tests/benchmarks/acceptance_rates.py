"""How often acceptance is wrong: ``analysis.judgement`` over sequences of repeats of simulated machines.

A machine's repeats scatter about its true speed. One that is 5 % under its bound must not pass, one that is at its
reference (whose bound lies 5 % below) must not fail; a machine at its bound exactly is the worst case of both. Each is
followed from the first look to a decision or the limit, as a suite does it: after each look come as many repeats as the
judge asks for, at most five. Prints the rates of pass, fail and undecided and the mean number of repeats; then one line
of JSON. A wrong verdict may come in at most 2.5 % of sequences, for normal and slow-tailed noise and for times to
accuracy, and of machines with a spread of 2 % that are 2 % above their bound at most 15 % may stay undecided: else the
exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

import numpy as np
from parts.simulated import NOISES, Noise, rate_interval

from orchestrator.analysis.judgement import Judgement, Looks, Reference, judge_repeats, judge_times_to_accuracy

REFERENCE = Reference(1000.0, -0.05, None, "samples/s")
BOUND = REFERENCE.bounds[0]
LONGEST = Reference(100.0, None, 0.0, "s")
LIMIT, UNDECIDED_LIMIT = 0.025, 0.15
SPREADS = (0.01, 0.02, 0.04)
MACHINES = {"5 % under its bound": 0.95, "at its bound": 1.0, "2 % above its bound": 1.02, "at its reference": 1 / 0.95}
PROMISED = ("normal", "slow tail")
AT_ONCE = 5

Judge = Callable[[Sequence[float]], Judgement]


def follow(values: Sequence[float], judge: Judge, rule: Looks) -> tuple[str, int]:
    """Return the outcome of one machine's repeats, and how many were needed."""
    count = rule.first
    while (found := judge(values[:count])).outcome == "needs more":
        count = min(rule.limit, count + max(1, min(AT_ONCE, found.needed)))
    return found.outcome, count


def rates(draws: Sequence[Sequence[float]], judge: Judge, rule: Looks) -> dict[str, float]:
    """Return the shares of outcomes, and the mean number of repeats."""
    found = [follow(values, judge, rule) for values in draws]
    shares = {name: sum(outcome == name for outcome, _ in found) / len(found) for name in ("pass", "fail", "undecided")}
    return {**shares, "repeats": float(np.mean([count for _, count in found]))}


def speeds(random: np.random.Generator, noise: Noise, level: float, spread: float, trials: int) -> list[list[float]]:
    """Return repeats of machines whose geometric mean speed is ``level`` times the bound."""
    drawn = BOUND * level * np.exp(spread * noise(random, (trials, Looks().limit)))
    return [list(map(float, row)) for row in drawn]


def times_at_bound(random: np.random.Generator, spread: float, trials: int) -> list[list[float]]:
    """Return log-normal times to accuracy of machines whose olympic mean is expected exactly at the bound."""
    drawn = np.exp(spread * random.standard_normal((trials, Looks().limit)))
    # Expected at the middle of the looks; it moves by less than a tenth of its error with the number of runs.
    level = float(np.sort(np.exp(spread * random.standard_normal((20000, 10))), axis=1)[:, 1:-1].mean())
    return [list(map(float, row)) for row in LONGEST.bounds[1] * drawn / level]


def print_row(what: str, noise: str, spread: float, found: dict[str, float], wrong: str | None, trials: int) -> None:
    """Print one row of the table."""
    cells = "".join(f"{100 * found[key]:{width}.1f} %" for key, width in (("pass", 7), ("fail", 7), ("undecided", 9)))
    end = ""
    if wrong:
        low, high = rate_interval(round(found[wrong] * trials), trials)
        end = f"   {100 * found[wrong]:.2f} % [{100 * low:.2f}, {100 * high:.2f}]"
    print(f"{what:22}{noise:12}{100 * spread:6.1f} %{cells}{found['repeats']:9.1f}{end}", flush=True)


def main() -> int:
    """Print the table; 1 if a promise is broken by more than chance explains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    trials, rule, random = chosen.trials, Looks(), np.random.default_rng(chosen.seed)
    print(
        f"reference {REFERENCE.value:g}, bound {BOUND:g} samples/s, {rule.first} to {rule.limit} repeats, n = {trials}"
    )
    print(
        f"{'machine':22}{'noise':12}{'spread':>8}{'pass':>9}{'fail':>9}{'undecided':>11}{'repeats':>9}   wrong [95 %]"
    )
    worst = 0.0
    undecided = 0.0
    for name, level in MACHINES.items():
        wrong = "pass" if level <= 1 else "fail"
        for kind, noise in NOISES.items():
            for spread in SPREADS:
                draws = speeds(random, noise, level, spread, trials)
                found = rates(draws, lambda values: judge_repeats(values, REFERENCE, rule), rule)
                print_row(name, kind, spread, found, wrong, trials)
                if kind in PROMISED:
                    worst = max(worst, rate_interval(round(found[wrong] * trials), trials)[0])
                if kind == "normal" and level == 1.02 and spread == 0.02:
                    undecided = rate_interval(round(found["undecided"] * trials), trials)[0]
    for spread in (0.05, 0.15):
        draws = times_at_bound(random, spread, trials)
        found = rates(draws, lambda values: judge_times_to_accuracy(values, LONGEST, rule), rule)
        print_row("time at its bound", "log-normal", spread, found, "pass", trials)
        worst = max(worst, rate_interval(round(found["pass"] * trials), trials)[0])
    held = worst <= LIMIT and undecided <= UNDECIDED_LIMIT
    print(json.dumps({"benchmark": "acceptance_rates", "seed": chosen.seed, "wrong_lower_end": worst, "limit": LIMIT,
                      "undecided_lower_end": undecided, "undecided_limit": UNDECIDED_LIMIT, "held": held}))  # fmt: skip
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
