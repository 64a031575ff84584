"""Is this week slower than the weeks before? Compares a new set of repeats with one earlier set, or with several.

Values are compared by their logarithms, so effects are ratios. Each set of repeats is summarised by its trimmed mean,
which one odd run among five does not move (Yuen 1974). A change is judged against the larger of two spreads:

- the spread between earlier sets, if there are several; a slowly drifting machine cannot hide from it; and

- the repeats' own spread (Yuen's standard error, pooled over the sets). With a single earlier set there is only this
one, and any difference between two days counts as an effect.

Both spreads are moderated over the family if it is large enough (moderation.py). Without that, a series needs half a
year of weeks before a change of three times its noise is found in its first week.

All series compared at once form a family, and Holm's procedure (1979) keeps the probability of any false alarm in it
below ``ALPHA``. An alarm also needs an effect of at least ``minimum_effect``, since a significant change may still not
matter. tests/benchmarks/regression_rates.py measures the rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.moderation import Spread, moderate_spreads
from orchestrator.analysis.statistics import t_quantile, t_two_sided

Verdict = Literal["slower", "faster", "no change", "not enough runs"]

ALPHA = 0.01
"""Probability of any false alarm among the series compared at once."""
MINIMUM_EFFECT = 0.02
SOUGHT_EFFECT = 0.05
"""Change that a comparison must be able to find. If it cannot, the verdict is "not enough runs"."""
POWER = 0.95
TRIM = 0.2
WINDOW = 26
"""Most earlier sets that a new one is compared with: half a year of weeks."""
CONFIDENCE = 0.95
NEEDED_LIMIT = 100


@dataclass(frozen=True)
class Centre:
    """Trimmed mean of a set of log values, the square of its standard error, and the degrees of freedom of that."""

    mean: float
    variance: float
    freedom: int
    n: int


@dataclass(frozen=True)
class Comparison:
    """The comparison of the new set with the earlier ones.

    ``change`` is the relative change of speed, negative if slower, with its 95 % ``interval``; None if a side has no
    value. ``p`` is the two-sided probability of such a change by chance, ``adjusted_p`` the one for the family.
    ``detectable`` is the smallest slow-down found 95 times in 100. ``needed`` is the number of further repeats that
    would bring it down to ``SOUGHT_EFFECT``: 0 if they suffice, None if repeats alone never would.
    """

    verdict: Verdict
    change: float | None
    interval: tuple[float, float] | None
    p: float | None
    adjusted_p: float | None
    detectable: float | None
    needed: int | None
    n: int
    earlier_sets: int
    earlier_n: int

    def __str__(self) -> str:
        """The verdict for people: "slower by 7 % [5, 9]"."""
        if self.verdict == "not enough runs":
            return "not enough runs: needs " + (
                f"{self.needed} more" if self.needed else "more weeks of history" if self.needed is None else "more"
            )
        if self.verdict == "no change" or self.change is None or self.interval is None:
            return self.verdict
        ends = sorted(100 * abs(end) if end * self.change > 0 else -100 * abs(end) for end in self.interval)
        return f"{self.verdict} by {100 * abs(self.change):.0f} % [{ends[0]:.0f}, {ends[1]:.0f}]"


@dataclass(frozen=True)
class Series:
    """One metric of one (benchmark, cluster, nodes, recipe, data set): the new repeats, and the earlier sets oldest
    first.

    Values are positive. ``higher_is_faster`` is True for throughputs and False for times.
    """

    current: Sequence[float]
    earlier: Sequence[Sequence[float]]
    higher_is_faster: bool = True
    minimum_effect: float = MINIMUM_EFFECT
    sought_effect: float = SOUGHT_EFFECT


@dataclass(frozen=True)
class Measured:
    """Change of the log speed of one series, and the two spreads that it may be judged against.

    ``within`` is the variance of one value among its repeats; the change's variance contains it ``values`` times.
    ``between`` is the variance of a set's mean among the earlier sets; the change's variance contains it ``means``
    times.
    """

    change: float
    within: Spread
    values: float
    between: Spread
    means: float


@dataclass(frozen=True)
class Estimate:
    """Change of the log speed, its standard error and degrees of freedom. ``between``: the error comes from the spread
    between sets.
    """

    change: float
    error: float
    freedom: float
    between: bool


def trimmed_centre(logs: npt.NDArray[np.float64]) -> Centre:
    """Return the trimmed mean with Yuen's winsorised standard error. A fifth of the values, rounded down, is cut at
    either end.
    """
    n = len(logs)
    ordered = np.sort(logs)
    cut = int(TRIM * n)
    kept = n - 2 * cut
    mean = float(ordered[cut : n - cut].sum()) / kept
    if kept < 2:
        return Centre(mean, 0.0, 0, n)
    if cut:
        ordered[:cut] = ordered[cut]
        ordered[n - cut :] = ordered[n - cut - 1]
    deviations = ordered - ordered.sum() / n
    return Centre(mean, float(deviations @ deviations) / (kept * (kept - 1)), kept - 1, n)


def measure_change(series: Series) -> Measured | None:
    """Return the change and its spreads, None if a side has no value."""
    sign = 1.0 if series.higher_is_faster else -1.0
    earlier = [
        trimmed_centre(sign * np.log(np.asarray(values, np.float64)))
        for values in series.earlier[-WINDOW:]
        if len(values)
    ]
    if not earlier or not len(series.current):
        return None
    new = trimmed_centre(sign * np.log(np.asarray(series.current, np.float64)))
    means = np.asarray([item.mean for item in earlier])
    sets = len(earlier)
    deviations = means - means.sum() / sets
    # Repeats' own spread, each set's squared error brought to that of one value, pooled by degrees of freedom.
    sides = [*earlier, new]
    freedom = sum(item.freedom for item in sides)
    per_value = sum(item.variance * item.n * item.freedom for item in sides) / freedom if freedom else 0.0
    return Measured(
        new.mean - float(means.sum()) / sets,
        Spread(per_value, freedom),
        1 / new.n + sum(1 / item.n for item in earlier) / sets**2,
        Spread(float(deviations @ deviations) / (sets - 1) if sets > 1 else 0.0, sets - 1),
        1 + 1 / sets,
    )


def estimate_changes(items: Sequence[Series]) -> list[Estimate | None]:
    """Return each change with its standard error, the spreads moderated over the family; None if no spread is known."""
    measured = [measure_change(item) for item in items]
    present = [item for item in measured if item is not None]
    within = iter(moderate_spreads([item.within for item in present]))
    between = iter(moderate_spreads([item.between for item in present]))
    return [choose_spread(item, next(within), next(between)) if item else None for item in measured]


def choose_spread(measured: Measured, within: Spread, between: Spread) -> Estimate | None:
    """Return the change with the larger of its two spreads."""
    of_values, of_means = within.variance * measured.values, between.variance * measured.means
    if between.freedom and (of_means >= of_values or not within.freedom):
        return Estimate(measured.change, float(np.sqrt(of_means)), between.freedom, True)
    return Estimate(measured.change, float(np.sqrt(of_values)), within.freedom, False) if within.freedom else None


def compare_series(series: Mapping[str, Series] | Sequence[Series]) -> list[Comparison]:
    """Judge all series at once, as one family, in their order. Raises ValueError if a value is not positive."""
    items = list(series.values()) if isinstance(series, Mapping) else list(series)
    for item in items:
        for values in (item.current, *item.earlier):
            if any(not value > 0 for value in values):
                raise ValueError(f"a throughput or time is positive, not {min(values)}")
    all_found = estimate_changes(items)
    chances = [change_probability(found) if found else None for found in all_found]
    adjusted = adjust_by_holm(chances)
    family = sum(found is not None for found in all_found)
    return [
        judge_series(item, found, p, adjusted_p, family)
        for item, found, p, adjusted_p in zip(items, all_found, chances, adjusted, strict=True)
    ]


def change_probability(found: Estimate) -> float:
    """Return the probability, without any real change, of a change at least as large."""
    if found.error == 0:
        return 1.0 if found.change == 0 else 0.0
    return t_two_sided(found.change / found.error, found.freedom)


def adjust_by_holm(chances: Sequence[float | None]) -> list[float | None]:
    """Return step-down adjusted probabilities (Holm 1979). They hold however the series depend on each other."""
    order = sorted((p, index) for index, p in enumerate(chances) if p is not None)
    adjusted: list[float | None] = [None] * len(chances)
    so_far = 0.0
    for place, (p, index) in enumerate(order):
        so_far = max(so_far, min(1.0, (len(order) - place) * p))
        adjusted[index] = so_far
    return adjusted


def judge_series(
    item: Series, found: Estimate | None, p: float | None, adjusted_p: float | None, family: int
) -> Comparison:
    """Return the verdict on one series of a family."""
    earlier = [values for values in item.earlier[-WINDOW:] if len(values)]
    counts = (len(item.current), len(earlier), sum(len(values) for values in earlier))
    if found is None or p is None or adjusted_p is None:
        lacking = max(1, 2 - len(item.current))
        return Comparison("not enough runs", None, None, None, None, None, lacking, *counts)
    half = t_quantile((1 + CONFIDENCE) / 2, found.freedom) * found.error
    change = float(np.expm1(found.change))
    interval = (float(np.expm1(found.change - half)), float(np.expm1(found.change + half)))
    threshold = critical_t(found.freedom, family)
    detectable = float(-np.expm1(-(threshold + t_quantile(POWER, found.freedom)) * found.error))
    verdict: Verdict = "no change"
    needed: int | None = 0
    if adjusted_p < ALPHA and abs(change) >= item.minimum_effect:
        verdict = "slower" if change < 0 else "faster"
    elif detectable > item.sought_effect and not is_change_excluded(item, found, half):
        verdict = "not enough runs"
        needed = repeats_needed(item, found, counts, family)
    return Comparison(verdict, change, interval, p, adjusted_p, detectable, needed, *counts)


def critical_t(freedom: float, family: int) -> float:
    """Return Student's t that a change must exceed to be found in any family of this size."""
    return t_quantile(1 - ALPHA / (2 * max(1, family)), freedom)


def is_change_excluded(item: Series, found: Estimate, half: float) -> bool:
    """Whether the interval, taken twice as wide, excludes any change of the sought size."""
    return bool(abs(found.change) + 2 * half < -np.log1p(-item.sought_effect))


def repeats_needed(item: Series, found: Estimate, counts: tuple[int, int, int], family: int) -> int | None:
    """Return how many further repeats of the new set (and of a single earlier set) would show ``sought_effect``.

    None if the spread is between sets, which repeats do not reduce.
    """
    if found.between:
        return None
    n, sets, earlier_n = counts
    target = -float(np.log1p(-item.sought_effect))
    per_value = found.error**2 / (1 / n + 1 / max(1, earlier_n))
    for more in range(1, NEEDED_LIMIT):
        # A single earlier set grows along; a window of weeks stays as it is.
        below = earlier_n + more if sets == 1 else earlier_n
        freedom = found.freedom + more * (2 if sets == 1 else 1)
        error = float(np.sqrt(per_value * (1 / (n + more) + 1 / below)))
        if (critical_t(freedom, family) + t_quantile(POWER, freedom)) * error <= target:
            return more
    return NEEDED_LIMIT
