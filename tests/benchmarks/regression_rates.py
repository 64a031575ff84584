"""False alarms and detections of ``analysis.regression.compare_series`` on simulated histories.

A history is 52 weeks of 20 metrics with 5 repeats a week. Every week from the second on is compared with the weeks
before it. Prints a table: the share of weeks with any alarm among the 20 metrics where nothing changed (the limit is
1 in 100), and how often a slow-down of one metric is found in its first week (at least 95 in 100 for 5 %, whichever
week of the year that is; the rows say how much less where few weeks came before), each with its 95 % interval (Clopper
and Pearson 1934). Where noise is heavier-tailed than assumed or the machine drifts between weeks, the rows say what
becomes of the rates. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from orchestrator.analysis.changepoints import find_change_points
from orchestrator.analysis.regression import Series, compare_series

WEEKS, METRICS, REPEATS, NOISE = 52, 20, 5, 0.015
FALSE_LIMIT, FOUND_LIMIT = 0.01, 0.95

Random = np.random.Generator
Drawn = np.ndarray


def normal(random: Random, shape: tuple[int, ...]) -> Drawn:
    """Repeats' noise as specified: 1.5 %."""
    return NOISE * random.standard_normal(shape)


def heavy(random: Random, shape: tuple[int, ...]) -> Drawn:
    """Student's t with 3 degrees of freedom, scaled to the same standard deviation."""
    return np.asarray(NOISE / np.sqrt(3) * random.standard_t(3, shape))


def outliers(random: Random, shape: tuple[int, ...]) -> Drawn:
    """One run in twenty is disturbed and 5 to 20 % slower."""
    return normal(random, shape) - (random.random(shape) < 0.05) * random.uniform(0.05, 0.2, shape)


def unequal(random: Random, shape: tuple[int, ...]) -> Drawn:
    """Each metric has noise of its own, from a third to three times the specified."""
    return np.exp(random.uniform(np.log(0.005), np.log(0.05), shape[1]))[:, None] * random.standard_normal(shape)


def week_effects(size: float) -> Callable[[Random, tuple[int, ...]], Drawn]:
    """Each week is off by its own normal amount, for all its repeats."""
    return lambda random, shape: normal(random, shape) + size * random.standard_normal((*shape[:2], 1))


def random_walk(size: float) -> Callable[[Random, tuple[int, ...]], Drawn]:
    """Each week is off from the week before: the machine wanders."""
    return lambda random, shape: (
        normal(random, shape) + np.cumsum(size * random.standard_normal((*shape[:2], 1)), axis=0)
    )


NOISES: dict[str, Callable[[Random, tuple[int, ...]], Drawn]] = {
    "normal, 1.5 %": normal,
    "Student t3, 1.5 %": heavy,
    "5 % of runs 5–20 % slow": outliers,
    "0.5 to 5 %, by metric": unequal,
    "weeks differ by 1 %": week_effects(0.01),
    "weeks wander by 0.3 %": random_walk(0.003),
    "weeks wander by 1 %": random_walk(0.01),
}


def history(random: Random, noise: Callable[[Random, tuple[int, ...]], Drawn], weeks: int = WEEKS) -> Drawn:
    """(weeks, METRICS, REPEATS) throughputs around 1000 samples/s."""
    return np.asarray(1000 * np.exp(noise(random, (weeks, METRICS, REPEATS))))


def week(values: Drawn, index: int) -> list[Series]:
    """A week's comparison with those before it."""
    earlier = values[:index].transpose(1, 0, 2)
    return [Series(values[index, metric], list(earlier[metric])) for metric in range(METRICS)]


def false_alarms(random: Random, noise: Callable[[Random, tuple[int, ...]], Drawn], histories: int) -> tuple[int, int]:
    """Weeks with any alarm, and weeks looked at, in histories where nothing changes."""
    alarms = looked = 0
    for _ in range(histories):
        values = history(random, noise)
        for index in range(1, WEEKS):
            alarms += any(item.verdict in ("slower", "faster") for item in compare_series(week(values, index)))
            looked += 1
    return alarms, looked


def detections(
    random: Random, noise: Callable[[Random, tuple[int, ...]], Drawn], effect: float, before: int | None, trials: int
) -> tuple[int, int]:
    """Slow-downs of one metric found in their first week after ``before`` earlier ones (None: in any week of the year
    but the first), and how many there were.
    """
    found = 0
    for _ in range(trials):
        weeks = int(random.integers(1, WEEKS)) if before is None else before
        values = history(random, noise, weeks + 1)
        values[weeks, 0] *= 1 - effect
        found += compare_series(week(values, weeks))[0].verdict == "slower"
    return found, trials


def located(
    random: Random, noise: Callable[[Random, tuple[int, ...]], Drawn], effect: float, trials: int
) -> tuple[int, int]:
    """Series of a year with one change of level for which exactly that change is found, within a week of its place."""
    right = 0
    for _ in range(trials):
        values = history(random, noise).mean(axis=2)[:, 0]
        at = int(random.integers(4, WEEKS - 4))
        values[at:] *= 1 - effect
        points = find_change_points(list(values))
        right += len(points) == 1 and abs(points[0].index - at) <= 1 if effect else bool(points)
    return right, trials


def interval(hits: int, trials: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a rate."""
    low = float(stats.beta.ppf(0.025, hits, trials - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(0.975, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high


def line(what: str, noise: str, hits: int, trials: int, limit: str = "") -> None:
    """One row of the table."""
    low, high = interval(hits, trials)
    print(
        f"{what:44} {noise:26} {100 * hits / trials:7.2f} %  [{100 * low:5.2f}, {100 * high:6.2f}]  "
        f"of {trials:6}  {limit}",
        flush=True,
    )


def main() -> int:
    """Print the table; 1 if a limit is missed under the specified noise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=100, help="simulated years for the specified noise")
    parser.add_argument("--others", type=int, default=20, help="simulated years for each other kind of noise")
    parser.add_argument("--trials", type=int, default=1000, help="slow-downs simulated for each row")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    begun = time.perf_counter()
    print(f"{WEEKS} weeks, {METRICS} metrics, {REPEATS} repeats, seed {chosen.seed}")
    print(f"{'':44} {'noise':26} {'rate':>9}  {'95 % interval':15}")
    random = np.random.default_rng(chosen.seed)
    alarms, looked = 0, 0
    for name, noise in NOISES.items():
        hits, weeks = false_alarms(random, noise, chosen.histories if noise is normal else chosen.others)
        line("weeks with any alarm, nothing changed", name, hits, weeks, "limit 1" if noise is normal else "")
        if noise is normal:
            alarms, looked = hits, weeks
    found, trials = detections(random, normal, 0.05, None, chosen.trials)
    line("5 % slow-down found, in any week", "normal, 1.5 %", found, trials, "limit 95")
    for before in (1, 2, 4, 8, 12, 26):
        hits, count = detections(random, normal, 0.05, before, chosen.trials)
        line(f"5 % slow-down found, {before} weeks before it", "normal, 1.5 %", hits, count)
    for effect in (0.03, 0.04, 0.06):
        hits, count = detections(random, normal, effect, 26, chosen.trials)
        line(f"{100 * effect:.0f} % slow-down found, 26 weeks before it", "normal, 1.5 %", hits, count)
    for name, noise in list(NOISES.items())[1:]:
        line("5 % slow-down found, 26 weeks before it", name, *detections(random, noise, 0.05, 26, chosen.trials))
    for name, noise in NOISES.items():
        line("years with a false change point", name, *located(random, noise, 0.0, chosen.trials))
        line("5 % change located within a week", name, *located(random, noise, 0.05, chosen.trials))
    print(
        json.dumps(
            {
                "benchmark": "regression_rates",
                "false_alarm_rate": round(alarms / looked, 5),
                "false_alarm_limit": FALSE_LIMIT,
                "detection_rate": round(found / trials, 4),
                "detection_limit": FOUND_LIMIT,
                "weeks": looked,
                "slow_downs": trials,
                "seed": chosen.seed,
                "seconds": round(time.perf_counter() - begun),
            }
        )
    )
    return int(alarms / looked > FALSE_LIMIT or found / trials < FOUND_LIMIT)


if __name__ == "__main__":
    sys.exit(main())
