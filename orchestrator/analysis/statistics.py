"""Summaries of repeated measurements: olympic mean, spread, and Student's t. Intervals are in intervals.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from orchestrator.analysis import special

Floats = npt.NDArray[np.floating]

CONFIDENCE = 0.95
MAD_TO_SIGMA = 1.4826
"""Standard deviation ÷ median absolute deviation of a normal distribution."""


@dataclass(frozen=True)
class Olympic:
    """Mean without the fastest and slowest of ``n`` runs, ``reached`` of which reached their target; None if the rule
    allows no mean.
    """

    mean: float | None
    reached: int
    n: int


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


def deviation_interval(values: Sequence[float] | Floats, confidence: float) -> tuple[float, float]:
    """Return Bonett's (2006) interval of the standard deviation, in the values' unit. It allows for heavy tails, which
    the χ² interval of normal noise does not: beside it, it covers 87 instead of 76 % for Student's t₃ at ten values.

    The upper end is infinite for so few values that nothing is known. Raises ValueError with fewer than two.
    """
    data = np.sort(np.asarray(values, np.float64))
    n = data.size
    if n < 2:
        raise ValueError(f"a standard deviation needs at least two values, not {n}")
    quantile = float(special.ndtri((1 + confidence) / 2))
    squares = float(np.sum((data - data.mean()) ** 2))
    if squares == 0:
        return 0.0, 0.0
    if n <= quantile:
        return 0.0, float("inf")
    cut = int(n / (2 * np.sqrt(n - 4))) if n > 5 else (n - 1) // 2
    kurtosis = n * float(np.sum((data - data[cut : n - cut].mean()) ** 4)) / squares**2
    factor = n / (n - quantile)
    error = factor * float(np.sqrt(max(0.0, kurtosis - (n - 3) / n) / (n - 1)))
    centre = float(np.log(factor * squares / (n - 1)))
    return float(np.exp((centre - quantile * error) / 2)), float(np.exp((centre + quantile * error) / 2))


# --- Student's t, by SciPy's ufuncs: they cost microseconds where scipy.stats costs a hundred ------------------------


@lru_cache(maxsize=4096)
def t_quantile(probability: float, freedom: float) -> float:
    """Return the value below which Student's t lies with ``probability``."""
    return float(special.stdtrit(freedom, probability))
