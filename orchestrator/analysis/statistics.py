"""Summaries of repeated measurements: central value, spread and confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.floating]

RESAMPLES = 2000
EXACT = 99
"""Most values for which the interval of a median is computed exactly, a hundred times as fast as by drawing."""
CONFIDENCE = 0.95
MAD_TO_SIGMA = 1.4826
"""Standard deviation ÷ median absolute deviation of a normal distribution."""


@dataclass(frozen=True)
class Summary:
    """Median of ``n`` values and its 95 % bootstrap interval, in the values' unit. A single value has no interval."""

    median: float
    interval: tuple[float, float] | None
    n: int


@dataclass(frozen=True)
class Olympic:
    """Mean without the fastest and slowest of ``n`` runs, ``reached`` of which reached their target; None if the rule
    allows no mean.
    """

    mean: float | None
    reached: int
    n: int


def summary(values: Sequence[float] | Floats) -> Summary:
    """Median and percentile bootstrap interval (Efron 1979). Raises ValueError without values."""
    data = np.asarray(values, np.float64)
    if data.size == 0:
        raise ValueError("a median needs at least one value")
    if data.size == 1:
        return Summary(float(data[0]), None, 1)
    order = np.sort(data)
    if data.size % 2 and data.size <= EXACT:
        return Summary(float(order[data.size // 2]), exact_interval(order), data.size)
    medians = resampled_medians(data, fixed_generator())
    return Summary(float(np.median(data)), percentile_interval(medians), data.size)


def exact_interval(order: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the bootstrap interval of the median of an odd number of sorted values, without drawing.

    The median of a resample is one of the values. It is at most the k-th if more than half of the draws are (Efron
    1979).
    """
    n = len(order)
    within = median_probabilities(n)
    low, high = (int(np.searchsorted(within, share)) for share in ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(order[min(low, n - 1)]), float(order[min(high, n - 1)])


@cache
def median_probabilities(n: int) -> npt.NDArray[np.float64]:
    """Return P(median of a resample ≤ k-th smallest value) for k = 1 … n, with n odd."""
    share = np.arange(1, n + 1) / n
    return np.asarray(special.bdtrc(n // 2, n, share))


def fixed_generator() -> np.random.Generator:
    """Return a generator with a fixed seed, so equal data give equal intervals."""
    return np.random.Generator(np.random.PCG64(0))


def resampled_medians(values: Floats, random: np.random.Generator) -> Floats:
    """Return (RESAMPLES,) medians of the values drawn with replacement."""
    return np.asarray(np.median(random.choice(values, (RESAMPLES, len(values))), axis=1))


def percentile_interval(estimates: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the central interval that holds ``confidence`` of the estimates."""
    low, high = np.quantile(estimates, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def ratio_interval(values: Sequence[float] | Floats, base: Sequence[float] | Floats, factor: float = 1.0) -> Summary:
    """Return factor · median(values) ÷ median(base). Both are resampled, so the interval carries the base's
    uncertainty.

    Raises ValueError if either side has no value.
    """
    top, bottom = np.asarray(values, np.float64), np.asarray(base, np.float64)
    if top.size == 0 or bottom.size == 0:
        raise ValueError("a ratio needs at least one value on both sides")
    ratio = float(factor * np.median(top) / np.median(bottom))
    if top.size == 1 or bottom.size == 1:
        return Summary(ratio, None, top.size)
    random = fixed_generator()
    ratios = factor * resampled_medians(top, random) / resampled_medians(bottom, random)
    return Summary(ratio, percentile_interval(ratios), top.size)


def olympic_summary(values: Sequence[float | None]) -> Olympic:
    """Return MLPerf's mean without the fastest and slowest run (training policies, "benchmark results").

    None is a run that missed its target. One such run may be the slowest that is dropped; with more, or with fewer than
    three runs, there is no mean.
    """
    reached = sorted(value for value in values if value is not None)
    n = len(values)
    if n < 3 or n - len(reached) > 1:
        return Olympic(None, len(reached), n)
    kept = reached[1:] if len(reached) < n else reached[1:-1]
    return Olympic(float(np.mean(kept)), len(reached), n)


def robust_spread(values: Sequence[float] | Floats) -> float:
    """Return the median absolute deviation scaled to a normal standard deviation; 0 with fewer than two values."""
    data = np.asarray(values, np.float64)
    if data.size < 2:
        return 0.0
    return float(MAD_TO_SIGMA * np.median(np.abs(data - np.median(data))))


def variation(values: Sequence[float] | Floats) -> float | None:
    """Return the run-to-run variation: sample standard deviation ÷ mean; None with fewer than two values."""
    data = np.asarray(values, np.float64)
    return float(np.std(data, ddof=1) / np.mean(data)) if data.size > 1 else None


# --- Student's t, by SciPy's ufuncs: they cost microseconds where scipy.stats costs a hundred ------------------------


def t_quantile(probability: float, freedom: float) -> float:
    """Return the value below which Student's t lies with ``probability``."""
    return float(special.stdtrit(freedom, probability))


def t_two_sided(statistic: float, freedom: float) -> float:
    """Return the probability of a |t| at least as large."""
    return float(2 * special.stdtr(freedom, -abs(statistic)))
