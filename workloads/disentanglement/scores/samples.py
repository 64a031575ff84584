"""Codes and factors as the scores take them: checked, at one scale, in bins, in two parts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workloads.disentanglement.scorable import BINS, factor_trouble

Codes = npt.NDArray[np.float64]
"""What an encoder makes of n samples, (n, d)."""
Factors = npt.NDArray[np.int64]
"""What n samples were made from, (n, k), each factor as a class from 0 on, in the factor's order if it has one."""
Places = npt.NDArray[np.int64]
"""Some of the samples, by their rows."""

ROUNDING = 1e-6
"""What single precision may be off by, of a range: a code that varies by less than this part of the largest one's is
constant, and a value that is less below the edge of a bin is on it.
"""
POINTS = 15_000
"""Most samples that predictors are fitted to and tested on: as many as disentanglement_lib takes."""


class ScoreError(ValueError):
    """There is no score of such codes or factors. The message says which column and why."""


def checked(codes: npt.NDArray[np.floating], factors: npt.NDArray[np.integer]) -> tuple[Codes, Factors]:
    """Return codes (n, d) with a largest standard deviation of 1, and factors (n, k). Raises ScoreError.

    Scores of distances and variances so do not depend on a code's unit. (An autoencoder may well have codes that range
    over a hundredth; those of a variational one have standard deviations near 1 by their prior.) A constant code
    becomes exactly constant: then it carries no information.
    """
    trouble = factor_trouble(factors)
    if trouble:
        raise ScoreError(trouble)
    if codes.ndim != 2 or codes.shape[1] < 2 or len(codes) != len(factors):
        raise ScoreError(f"codes have shape {codes.shape}, factors {factors.shape}: as many rows and 2 or more columns")
    values = np.asarray(codes, np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        columns = np.flatnonzero(~finite.all(axis=0)).tolist()
        rows = int((~finite.all(axis=1)).sum())
        raise ScoreError(f"codes {columns} are not finite in {rows} of {len(values)} samples")
    centred = values - values.mean(axis=0)
    ranges = np.ptp(centred, axis=0)
    varies = ranges > ROUNDING * max(float(ranges.max()), ROUNDING * float(np.abs(values).max()))
    largest = centred[:, varies].std(axis=0).max() if varies.any() else 1.0
    return np.where(varies, centred / largest, 0.0), np.asarray(factors, np.int64)


def into_bins(values: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> Factors:
    """Return the bin, 0 to BINS - 1, of each value (n, c) within its column's range. A constant column is in bin 0.

    Evenly spaced classes stay apart where a factor has no more than BINS of them.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    span = np.where(high > low, high - low, 1)
    places = np.floor((values - low) * (BINS / span) + ROUNDING * BINS)
    bins: Factors = np.minimum(places, BINS - 1).astype(np.int64)
    return bins


def two_parts(count: int, random: np.random.Generator) -> tuple[Places, Places]:
    """Return the places of the samples to fit to, two thirds, and of those to test on; POINTS at most, drawn."""
    places = random.permutation(count)[:POINTS]
    fitted = 2 * len(places) // 3
    return places[:fitted], places[fitted:]


def nothing() -> None:
    """Do nothing: the ``alive`` of callers that no watchdog watches."""
