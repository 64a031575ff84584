"""Values of a fleet that are higher than the spread of the others explains, and how high one must be to be found.

The values are tested outwards (Rosner 1983, one-sided): the lowest n − i are taken as the fleet, and the next higher
one is compared with them by Student's t at the error of n − i + 1 values. The largest i at which it lies too high names
it and all above it. So up to half of a fleet may be high without hiding in each other's spread. One high value among
others that are as they should be is tested by Grubbs's statistic, than which there is none more powerful for normal
values of unknown spread (Paulson 1952): what this test does not find, no test of the same error does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.analysis import special
from orchestrator.analysis.statistics import robust_spread

Floats = npt.NDArray[np.floating]

MINIMUM_EXCESS = 0.01
"""Smallest excess over the fleet that counts."""
SPREAD_FLOOR = 0.001
"""Smallest spread of a fleet, relative to its mean: what clocks and float32 sums leave."""
SEVERAL = 0.25
"""Part of the error for more than one high value: the lowest values of a fleet look more alike than the whole is."""
POWER = 0.95
TOO_LOW = 6.0
"""Robust standard deviations below the median from which a value is no part of the fleet's spread."""


@dataclass(frozen=True)
class Fleet:
    """R values beside each other: the (R,) excess of each over the median of the others, its distance from the fleet's
    mean in the fleet's spread, and which are ``high``.

    ``spread`` is the relative standard deviation of those that are not; None for fewer than two. ``detectable`` is the
    excess of a single value that is found in 95 of 100 such fleets; None where none ever is.
    """

    excess: Floats
    distance: Floats
    high: npt.NDArray[np.bool_]
    spread: float | None
    detectable: float | None


def find_high(values: Floats, error: float) -> Fleet:
    """Return which of the (R,) values are high. ``error`` is the probability that any is though all are alike and
    normal. Of two values neither is: either may be the one that is as it should be.
    """
    values = np.asarray(values, np.float64)
    count = len(values)
    if count < 2:
        return Fleet(np.zeros(count), np.zeros(count), np.zeros(count, bool), None, None)
    median = float(np.median(values))
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    usual_spread = max(robust_spread(values), SPREAD_FLOOR * abs(median))
    lowest = int(np.searchsorted(ordered, median - TOO_LOW * usual_spread)) if count > 4 else 0
    within = ordered[lowest:]
    tested = (len(within) - 1) // 2
    first = count
    if tested:
        means, deviations = running_moments(within - median)
        sizes = np.arange(len(within) - tested, len(within))
        error_of_next = np.maximum(deviations[sizes - 1], SPREAD_FLOOR * abs(median)) * np.sqrt(1 + 1 / sizes)
        candidates = within[sizes] - median - means[sizes - 1]
        spent = error / (sizes + 1) * np.where(sizes == len(within) - 1, 1.0, SEVERAL)
        far = candidates > special.stdtrit(sizes - 1.0, 1 - spent) * error_of_next
        far &= within[sizes] - np.median(within[: sizes[0]]) >= MINIMUM_EXCESS * abs(median)
        found = np.flatnonzero(far)
        first = lowest + int(sizes[found[0]]) if found.size else count
    high = np.zeros(count, bool)
    high[order[first:]] = True
    usual = ordered[lowest:first]
    mean = float(usual.mean())
    deviation = float(usual.std(ddof=1)) if count > 2 and len(usual) > 1 else None
    scale = max(deviation or 0.0, SPREAD_FLOOR * abs(mean), float(np.finfo(float).tiny))
    spread = deviation / mean if deviation is not None and mean > 0 else None
    return Fleet(
        excess_over_others(values), (values - mean) / scale, high, spread,
        detectable_excess(count, spread, error) if spread is not None else None,
    )  # fmt: skip


def running_moments(values: Floats) -> tuple[Floats, Floats]:
    """Return means and standard deviations of the first 1, 2, … values; the deviation of a single one is 0."""
    counts = np.arange(1, len(values) + 1)
    means = np.cumsum(values) / counts
    squares = np.maximum(np.cumsum(values**2) - counts * means**2, 0.0)
    return means, np.sqrt(squares / np.maximum(counts - 1, 1))


def detectable_excess(count: int, spread: float, error: float) -> float | None:
    """Return the relative excess of a single value that is found in 95 of 100 fleets of ``count`` values with that
    spread: where Student's noncentral t exceeds the limit that often. None for fewer than three.
    """
    if count < 3:
        return None
    limit = float(special.stdtrit(count - 2.0, 1 - error / count))
    shift = float(special.nctdtrinc(count - 2.0, 1 - POWER, limit))
    return max(shift * max(spread, SPREAD_FLOOR) * float(np.sqrt(1 + 1 / (count - 1))), MINIMUM_EXCESS)


def excess_over_others(values: Floats) -> Floats:
    """Return the (R,) relative excess of each value over the median of the others; 0 where that is not positive.

    A value is left out of its own comparison, so that a high one among few does not hide in the median.
    """
    ordered = np.sort(values)
    places = np.searchsorted(ordered, values)
    below = (len(values) - 1 - 1) // 2, (len(values) - 1) // 2
    # Place k of the others is place k, or k + 1 from the value's own place on.
    centre = sum(ordered[place + (place >= places)] for place in below) / 2
    return np.asarray(np.where(centre > 0, values / np.where(centre > 0, centre, 1.0) - 1, 0.0))
