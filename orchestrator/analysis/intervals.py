"""The interval of repeated measurements: Student's t on their logarithms, in reports and in acceptance alike.

The quantity that it covers is the geometric mean, so the interval of a ratio is that of a difference (Welch 1947). From
two repeats on it holds its confidence for normal and log-normal noise; tests/benchmarks/interval_coverage.py measures
by how much other noise departs from it.

Noise of machines has its long tail on the slow side: nothing makes a run much faster than usual. A few repeats that
happen to hold no slow run look alike, and too fast. So the slow end of an interval has a smaller share of the error
than the fast end.

Repeats of one day share what is particular to that day. From three days on the interval is that of the days' means,
which contains both the spread between days and that of repeats (Kalibera and Jones 2013). Fewer days do not tell how
far days differ, and the interval is of the repeats alone; ``basis`` says which it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from orchestrator.analysis.statistics import CONFIDENCE, Floats, t_quantile

Basis = Literal["repeats", "days"]
SlowEnd = Literal["low", "high"]
"""Where a slow run lies: "low" among throughputs, "high" among times and energies."""

SPENT = 0.86
"""Of the error that a confidence allows, what both ends of an interval may take. The remainder is kept for noise that
is neither normal nor log-normal."""
LEAST_SLOW, MOST_SLOW = 0.08, 0.16
"""Of the error that a confidence allows, what the slow end may take: the most at three repeats, where Student's t has
so few degrees of freedom that its own tails are long enough, the least from five on."""
LEAST_DAYS = 3


@dataclass(frozen=True)
class Summary:
    """Of ``n`` values, in their unit: the median, the geometric mean, and the 95 % interval of that mean.

    There is no interval of a single value, nor of values that are not all positive; of the latter ``mean`` is the
    arithmetic one.
    """

    median: float
    mean: float
    interval: tuple[float, float] | None
    n: int
    basis: Basis = "repeats"


@dataclass(frozen=True)
class LogSample:
    """Mean of logarithms, its standard error and degrees of freedom, from ``n`` repeats.

    ``skewness`` is that of one value (of a ratio: of the values that would give its mean's); negative where the long
    tail is below the mean. ``base_share`` is the part of a ratio's squared error that its base has,
    if both sides are alike.
    """

    mean: float
    error: float
    freedom: float
    n: int
    skewness: float = 0.0
    basis: Basis = "repeats"
    base_share: float = 0.0

    @property
    def value(self) -> float:
        """The geometric mean, in the values' unit."""
        return float(np.exp(self.mean))

    def shifted(self, by: float) -> LogSample:
        """Return the sample of values that are all multiplied by exp(``by``)."""
        return replace(self, mean=self.mean + by)


def summary(values: Sequence[float] | Floats, slow: SlowEnd = "low", days: Sequence[str] | None = None) -> Summary:
    """Return median and geometric mean with the latter's interval; ``days`` are those of the values. Raises ValueError
    without values.
    """
    data = np.asarray(values, np.float64)
    if data.size == 0:
        raise ValueError("a summary needs at least one value")
    median = float(np.median(data))
    if not np.all(data > 0):
        return Summary(median, float(data.mean()), None, data.size)
    if data.size == 1:
        return Summary(median, median, None, 1)
    found = sample_of(data.tolist(), days)
    return Summary(median, found.value, interval_of(found, CONFIDENCE, slow), data.size, found.basis)


def summaries(groups: Sequence[Sequence[float]], slow: SlowEnd = "low") -> list[Summary]:
    """Return the summary of each group of values, as ``summary`` does, those of one size together: a history has tens
    of thousands. Raises ValueError for a group without values.
    """
    places: dict[int, list[int]] = {}
    for place, values in enumerate(groups):
        places.setdefault(len(values), []).append(place)
    found: dict[int, Summary] = {}
    for n, members in places.items():
        data = np.asarray([groups[place] for place in members], np.float64)
        if n < 2 or not np.all(data > 0):
            found |= {place: summary(groups[place], slow) for place in members}
            continue
        logs = np.log(data)
        means = logs.mean(axis=1)
        errors = logs.std(axis=1, ddof=1) / np.sqrt(n)
        below, above = tail_quantiles(n - 1, 0.0, CONFIDENCE, slow)
        columns = np.median(data, axis=1), np.exp(means), np.exp(means - below * errors), np.exp(means + above * errors)
        for place, middle, mean, low, high in zip(members, *(column.tolist() for column in columns), strict=True):
            found[place] = Summary(middle, mean, (low, high), n)
    return [found[place] for place in range(len(groups))]


def log_sample(values: Sequence[float] | Floats) -> LogSample:
    """Return the sample of at least two positive values. Raises ValueError otherwise."""
    if len(values) < 2:
        raise ValueError(f"an interval needs at least two repeats, not {len(values)}")
    data = np.asarray(values, np.float64)
    if not np.all(np.isfinite(data) & (data > 0)):
        raise ValueError(f"an interval needs positive numbers, not {data.min()}")
    logs = np.log(data)
    n = len(logs)
    deviations = logs - logs.mean()
    variance = float(deviations @ deviations) / n
    skewness = float((deviations**3).mean()) / variance**1.5 if variance > 1e-24 else 0.0
    return LogSample(float(logs.mean()), float(np.sqrt(variance / (n - 1))), n - 1, n, skewness)


def log_ratio(values: Sequence[float], base: Sequence[float]) -> LogSample:
    """Return the sample of values ÷ base. It carries the base's uncertainty too. Raises ValueError as log_sample.

    The degrees of freedom are those that Welch (1947) gives beside his better-known ones, with n + 1 in the place of
    n − 1: at three repeats a side the others make the interval cover 97 % for 95. Two repeats beside twenty that happen
    to be alike make them far too many, and the interval cover 86 %. So they are no more than the harmonic mean with
    those of two sides that are equally noisy, which the counts alone give.
    """
    top, bottom = log_sample(values), log_sample(base)
    squared = top.error**2 + bottom.error**2
    spread = top.error**4 / (top.n + 1) + bottom.error**4 / (bottom.n + 1)
    welch = squared**2 / spread - 2 if spread > 0 else top.freedom + bottom.freedom
    by_counts = freedom_of_counts(top.n, bottom.n)
    # Third cumulants of the means add up, the base's with the opposite sign.
    cumulant = top.skewness * top.error**3 / top.n**0.5 - bottom.skewness * bottom.error**3 / bottom.n**0.5
    skewness = cumulant / squared**1.5 * (welch + 1) ** 0.5 if squared > 0 else 0.0
    # By the counts: few repeats that happen to hold no slow run have a small error, and need the more room.
    share = top.n / (top.n + bottom.n)
    mean, error = top.mean - bottom.mean, float(np.sqrt(squared))
    freedom = welch if welch < by_counts else 2 / (1 / welch + 1 / by_counts)
    return LogSample(mean, error, freedom, min(top.n, bottom.n), skewness, base_share=share)


def freedom_of_counts(n: int, base_n: int) -> float:
    """Return Welch's degrees of freedom of a ratio of ``n`` to ``base_n`` repeats, if all are equally noisy."""
    return (1 / n + 1 / base_n) ** 2 / (1 / (n**2 * (n - 1)) + 1 / (base_n**2 * (base_n - 1)))


def log_days(by_day: Mapping[str, Sequence[float]]) -> LogSample:
    """Return the sample of the days' geometric means, given each day's values."""
    found = log_sample([float(np.exp(np.log(values).mean())) for values in by_day.values()])
    return replace(found, n=sum(len(values) for values in by_day.values()), basis="days")


def sample_of(values: Sequence[float], days: Sequence[str] | None = None) -> LogSample:
    """Return the sample of repeats, or of the days' means where there are at least LEAST_DAYS ``days``."""
    by_day = group_by_day(values, days) if days is not None else {}
    return log_days(by_day) if len(by_day) >= LEAST_DAYS else log_sample(values)


def ratio_of(
    values: Sequence[float],
    base: Sequence[float],
    days: Sequence[str] | None = None,
    base_days: Sequence[str] | None = None,
) -> LogSample:
    """Return the sample of values ÷ base; of each day's ratio where both were measured on at least LEAST_DAYS days."""
    if days is not None and base_days is not None:
        top, bottom = group_by_day(values, days), group_by_day(base, base_days)
        common = [day for day in top if day in bottom]
        if len(common) >= LEAST_DAYS:
            ratios = [float(np.exp(np.log(top[day]).mean() - np.log(bottom[day]).mean())) for day in common]
            n = sum(min(len(top[day]), len(bottom[day])) for day in common)
            return replace(log_sample(ratios), n=n, basis="days", base_share=0.5)
    return log_ratio(values, base)


def group_by_day(values: Sequence[float], days: Sequence[str]) -> dict[str, list[float]]:
    """Return the values by day, in order of appearance."""
    found: dict[str, list[float]] = {}
    for value, day in zip(values, days, strict=True):
        found.setdefault(day, []).append(float(value))
    return found


def interval_of(found: LogSample, confidence: float, slow: SlowEnd) -> tuple[float, float]:
    """Return the interval of the geometric mean, in the values' unit."""
    below, above = tail_quantiles(found.freedom, found.base_share, confidence, slow)
    return float(np.exp(found.mean - below * found.error)), float(np.exp(found.mean + above * found.error))


def tail_quantiles(freedom: float, base_share: float, confidence: float, slow: SlowEnd) -> tuple[float, float]:
    """Return how many standard errors the interval's ends are below and above its mean.

    A slow run of a ratio's base lies at the other end: the shares of the ends are mixed as the errors are.
    """
    slow_share = min(MOST_SLOW, max(LEAST_SLOW, 2 * MOST_SLOW / freedom))
    at_slow = (1 - base_share) * slow_share + base_share * (SPENT - slow_share)
    at_fast = SPENT - at_slow
    below, above = (at_slow, at_fast) if slow == "low" else (at_fast, at_slow)
    return t_quantile(1 - below * (1 - confidence), freedom), t_quantile(1 - above * (1 - confidence), freedom)
