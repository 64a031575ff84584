"""Tells in which sets of a history certainly nothing changes, many sets at once.

Most sets of a history open no change, and their comparison leaves nothing behind but that they join the base. Bounds
say so much sooner than the comparison itself (change_tests.py). They leave out what can only make a change less
certain: that neighbouring sets are alike, that tails are long, that degrees of freedom are few. Where the bounds leave
anything open, the comparison is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.analysis import special
from orchestrator.analysis.change_tests import LEAST_REFERENCE, LONGEST, WEIGHT, ewma_shares
from orchestrator.analysis.moderation import FEWEST
from orchestrator.analysis.sets import Floats

Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

MARGIN = 1e-3
"""Relative margin of all bounds: sums are differences of running ones here."""
KNOWN = 1e-9
"""Share of the squares since the beginning that a window's have at least, to be known to that margin."""
NEWTON = 30


@dataclass(frozen=True)
class Alarms:
    """What a change needs to be opened: the chance of a set's and of the newest sets' together, to be divided by the
    number of series compared; and (S,) the smallest changes, relative.
    """

    by_set: float
    by_long: float
    least_set: Floats
    least_long: Floats


def find_quiet_sets(
    centres: Floats, counts: Whole, base: Flags, first: int, stop: int, window: int, alarms: Alarms
) -> Flags:
    """Return (K,) in which of the sets ``first`` … ``stop`` − 1 no change is opened, if none is open before and all
    series join their bases; False where that is not certain.

    ``centres`` and ``counts`` (S, W) are of all sets, ``base`` (S, W) flags those of the bases before ``first``.
    """
    there = counts[:, first:stop] > 0
    n = base[:, :first].sum(axis=1)[:, None] + np.cumsum(there, axis=1) - there
    sums = Windows(centres, counts, base, there, first, LONGEST + window)
    newest, own = sums.newest, 1 / np.maximum(counts[:, first:stop], 1)
    sets = np.clip(n, 1, window)
    length = np.clip(n + 1 - LEAST_REFERENCE, 1, LONGEST)
    farthest = np.minimum(n, length + window - 1)
    count = np.maximum(farthest - length + 1, 1)
    mean = sums.add(sums.values, sets, 0) / sets
    reference = sums.add(sums.values, farthest, length - 1) / count
    squares = sums.add(sums.squares, farthest, length - 1) - reference**2 * count
    known = ~there | ((n >= 2) & (count >= 2) & (squares > KNOWN * sums.squares[:, -1:]))
    squares = np.where(there & known, squares, 1.0)
    freedom = np.maximum(count - 1, 1)
    between = moderate_families(squares / freedom, freedom.astype(np.float64), there)
    by_set = newest - mean
    by_long = sums.weigh(length) - reference
    inverse = sums.add(sums.inverses, sets, 0) / sets**2
    set_error = between * (1 + 1 / sets)
    # Where the repeats' own spread is the greater one, it is so by at least as much.
    deviation = between * np.minimum(1.0, (1 + 1 / sets) * own / (own + inverse))
    long_error = deviation * (ewma_shares()[length, 0] + 1 / count)
    compared = np.maximum(there.sum(axis=0), 1)
    chance_set, chance_long = (-special.ndtri(chance / 2 / compared) for chance in (alarms.by_set, alarms.by_long))
    improbable = (np.abs(by_set) > (1 - MARGIN) * chance_set * np.sqrt(set_error)) | (
        np.abs(by_long) > (1 - MARGIN) * chance_long * np.sqrt(long_error)
    )
    large = (np.abs(np.expm1(by_set)) > (1 - MARGIN) * alarms.least_set[:, None]) | (
        np.abs(np.expm1(by_long)) > (1 - MARGIN) * alarms.least_long[:, None]
    )
    opens = (there & improbable).any(axis=0) & (there & large).any(axis=0)
    return np.asarray(known.all(axis=0) & ~opens)


class Windows:
    """Sums over the newest sets of each series' base, before each of K sets of which those that are ``there`` join it.

    ``newest`` (S, K) are the sets themselves, about each series' mean, as all values are.
    """

    def __init__(self, centres: Floats, counts: Whole, base: Flags, there: Flags, first: int, depth: int) -> None:
        series, number = there.shape
        self.depth = depth
        values, inverses = np.zeros((2, series, depth + number))
        self.places = depth + np.cumsum(there, axis=1) - there
        rows, columns = np.nonzero(there)
        values[rows, self.places[rows, columns]] = centres[rows, first + columns]
        inverses[rows, self.places[rows, columns]] = 1 / counts[rows, first + columns]
        filled = np.zeros(values.shape, bool)
        filled[rows, self.places[rows, columns]] = True
        for row in range(series):
            old = np.flatnonzero(base[row, :first])[-depth:]
            values[row, depth - len(old) : depth] = centres[row, old]
            inverses[row, depth - len(old) : depth] = 1 / counts[row, old]
            filled[row, depth - len(old) : depth] = True
        means = np.sum(values, axis=1) / np.maximum(filled.sum(axis=1), 1)
        self.plain = np.where(filled, values - means[:, None], 0.0)
        self.newest = np.where(there, centres[:, first : first + number] - means[:, None], 0.0)
        self.values, self.squares, self.inverses = map(running_sums, (self.plain, self.plain**2, inverses))

    def add(self, sums: Floats, oldest: Whole, newest: Whole | int) -> Floats:
        """Return (S, K) the sum over the base's sets more than ``newest`` and at most ``oldest`` places back."""
        ends = (np.take_along_axis(sums, self.places - back, axis=1) for back in (newest, oldest))
        return np.asarray(np.subtract(*ends))

    def weigh(self, length: Whole) -> Floats:
        """Return (S, K) the exponentially weighted mean of each set and the ``length`` − 1 before it."""
        total, weights = WEIGHT * self.newest, np.full(self.newest.shape, WEIGHT)
        for back in range(1, LONGEST):
            weight = np.where(back < length, WEIGHT * (1 - WEIGHT) ** back, 0.0)
            total = total + weight * np.take_along_axis(self.plain, self.places - back, axis=1)
            weights += weight
        return np.asarray(total / weights)


def running_sums(values: Floats) -> Floats:
    """Return (S, L + 1) the sums of the values before each place."""
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)


def moderate_families(variances: Floats, freedoms: Floats, there: Flags) -> Floats:
    """Return the variances of K families, (S, K) each, as ``moderation.moderate_variances`` does of one whose variances
    are all known. Those that are not ``there`` belong to no family.
    """
    number = there.sum(axis=0)
    half = np.where(there, freedoms / 2, 1.0)
    logs = np.where(there, np.log(variances) - special.digamma(half) + np.log(half), 0.0)
    middle = logs.sum(axis=0) / np.maximum(number, 1)
    spread = np.where(there, logs - middle, 0.0)
    excess = np.sum(spread**2, axis=0) / np.maximum(number - 1, 1)
    excess -= np.sum(np.where(there, special.zeta(2, half), 0.0), axis=0) / np.maximum(number, 1)
    differ = excess > 0
    prior = inverse_trigammas(np.where(differ, excess, 1.0))
    common = np.exp(middle + np.where(differ, special.digamma(prior) - np.log(prior), 0.0))
    moved = np.where(differ, (2 * prior * common + freedoms * variances) / (2 * prior + freedoms), common)
    return np.where(there & (number >= FEWEST), moved, variances)


def inverse_trigammas(values: Floats) -> Floats:
    """Return ``moderation.inverse_trigamma`` of each value."""
    x = 0.5 + 1 / values
    for _ in range(NEWTON):
        found = special.zeta(2, x)
        step = found * (1 - found / values) / (-2 * special.zeta(3, x))
        x = x + step
        if np.all(-step / x < 1e-8):
            break
    return np.asarray(x)
