"""Tests of the newest set of many series against their bases: by itself, and together with the sets before it.

Errors are moderated over the family of series, and know how alike neighbouring sets are and how long the tails of their
noise. tracking.py says what follows from a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from orchestrator.analysis import special
from orchestrator.analysis.moderation import moderate_variances
from orchestrator.analysis.neighbours import TRIMMED, lost_variance, mean_variance, neighbours_alike
from orchestrator.analysis.sets import Floats
from orchestrator.analysis.statistics import MAD_TO_SIGMA

Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

FASTER_PENALTY = 4
"""Factor of the probability that a speed-up is chance: it is less often one, and less urgent."""
LONGEST, WEIGHT = 10, 0.2
"""Sets that the long comparison weighs, and the newest one's weight."""
FEWEST = 5
"""Sets of a base that show how far they scatter."""
LEAST_REFERENCE = 5
"""Sets of the base that the long comparison leaves to compare with: a mean of fewer is itself off by as much as what is
sought, where sets are alike."""
FAMILY = 6
"""Fewest series that learn a spread from each other."""
LEAST_TAILS, MOST_TAIL, MOST_RATIO, NEWTON = 40, 3.0, 50.0, 12
"""Sets that show the tails of a family's noise, the most that these may count for, and limits of the inversion."""
MANY = 25
"""Sets of a base that show how alike neighbours are without the newest, of too few series to be trimmed."""


@dataclass(frozen=True)
class Changes:
    """The newest set of each compared series against its base, in logarithms; arrays by series.

    ``base`` is the mean of the base's newest ``sets``, ``reference`` that of those before the newest LONGEST.
    ``deviation`` is the standard deviation of one set about its level, ``alike`` how many sets are as much as one that
    is independent of its neighbours, by ``correlation`` (neighbours.py).
    """

    base: Floats
    sets: Whole
    reference: Floats
    by_set: Floats
    by_long: Floats
    set_error: Floats
    long_error: Floats
    deviation: Floats
    freedom: Floats
    between: Flags
    p_set: Floats
    p_long: Floats
    alike: float
    correlation: Floats


@dataclass(frozen=True)
class Family:
    """S series at their newest set.

    ``centres`` and ``counts`` (S, W) are of the newest W sets, 0 where a series has none. ``base`` (S, W − 1) flags
    those of the base, which has ``total`` (S,) sets with older ones. ``steady`` (S,) are the series without an open
    change. ``squares`` and ``freedom`` (S,) are the squared deviations of all repeats from their sets, added up, and
    their degrees of freedom.
    """

    centres: Floats
    counts: Whole
    base: Flags
    total: Whole
    steady: Flags
    squares: Floats
    freedom: Whole


def measure_changes(family: Family, window: int) -> Changes:
    """Return the changes of a family's series at their newest set, with errors moderated over the family. At most
    ``window`` sets of the base count.
    """
    base, total, steady = family.base, family.total, family.steady
    centres, newest = family.centres[:, :-1], family.centres[:, -1]
    inverses = np.where(family.counts > 0, 1 / np.maximum(family.counts, 1), 0.0)
    inverse, own = inverses[:, :-1], inverses[:, -1]
    ranks = newest_ranks(base)
    compared = base & (ranks <= window)
    sets = compared.sum(axis=1)
    mean = np.sum(centres * compared, axis=1) / sets
    # The long comparison weighs the newest sets, the one in question among them, against those before them.
    length = np.clip(total + 1 - LEAST_REFERENCE, 1, LONGEST)
    length = np.where(steady, length, 1)
    before = base & (ranks >= length[:, None]) & (ranks < (length + window)[:, None])
    count = before.sum(axis=1)
    reference = np.sum(centres * before, axis=1) / count
    deviations = np.where(before, centres - reference[:, None], 0.0)
    between = np.sum(deviations**2, axis=1) / np.maximum(count - 1, 1)
    within = family.squares / np.maximum(family.freedom, 1)
    within, within_freedom = moderate_variances(within, family.freedom.astype(np.float64))
    between, between_freedom = moderate_variances(between, (count - 1).astype(np.float64))
    # A change of the newest sets would look alike. Of many series those that change are trimmed; few sets hardly show
    # anything without the newest.
    with_newest = len(total) >= TRIMMED or bool(np.mean(total) < MANY)
    about_mean = np.where(compared, centres - mean[:, None], 0.0)
    alike = neighbours_alike(*((about_mean, compared) if with_newest else (deviations, before)))
    between = between * lost_variance(alike.expected, count)
    by_set = newest - mean
    between, between_freedom = learn_from_family(by_set / np.sqrt(1 + 1 / sets), between, between_freedom, count)
    from_values = within * (own + np.sum(inverse * compared, axis=1) / sets**2)
    from_sets = between * (1 + mean_variance(alike.expected, sets))
    by_sets = (between_freedom > 0) & ((from_sets >= from_values) | (within_freedom == 0))
    any_known = by_sets | (within_freedom > 0)
    set_error = np.sqrt(np.where(by_sets, from_sets, np.where(any_known, from_values, np.inf)))
    chosen = np.where(by_sets, between_freedom, np.maximum(within_freedom, 1))
    deviation = np.sqrt(np.where(by_sets, between, within * own))
    weights = np.where(base & (ranks < length[:, None]), WEIGHT * (1 - WEIGHT) ** ranks, 0.0)
    weight = weights.sum(axis=1) + WEIGHT
    by_long = (np.sum(weights * centres, axis=1) + WEIGHT * newest) / weight - reference
    inflation = ewma_variances(alike.cautious)[length]
    long_error = deviation * np.sqrt(inflation + mean_variance(alike.cautious, count))
    skewness, kurtosis = tails_of(deviations, before, between)
    p_set = chance_of(by_set, set_error, chosen, skewness, kurtosis)
    damping = ewma_shares()[LONGEST, 0]
    p_long = chance_of(by_long, long_error, chosen, skewness * damping**0.5, kurtosis * damping)
    return Changes(
        mean, sets, reference, by_set, by_long, set_error, long_error, deviation, chosen, by_sets, p_set,
        np.where(length > 1, p_long, 1.0), alike.sets, alike.cautious,
    )  # fmt: skip


def learn_from_family(changes: Floats, between: Floats, freedom: Floats, count: Whole) -> tuple[Floats, Floats]:
    """Return the spread between sets of series that have too few to show it, from how far the family's newest sets
    scatter: about their median, so that what slows all of them is no spread.
    """
    young = count < FEWEST
    if young.sum() < FAMILY:
        return between, freedom
    found = changes[young]
    scatter = float(MAD_TO_SIGMA * np.median(np.abs(found - np.median(found)))) ** 2
    wider = young & (between < scatter)
    return np.where(wider, scatter, between), np.where(young, np.maximum(freedom, young.sum() / 2), freedom)


def tails_of(deviations: Floats, known: Flags, variances: Floats) -> tuple[float, float]:
    """Return skewness and excess kurtosis of the sets of all series together: the former only towards slow sets,
    negative; the latter only if positive, and as far as it is more than chance.
    """
    scaled = (deviations / np.sqrt(np.where(variances > 0, variances, 1.0))[:, None])[known]
    number = scaled.size
    if number < LEAST_TAILS:
        return 0.0, 0.0
    squares = scaled * scaled
    scale = float(np.mean(squares))
    if not scale > 0:
        return 0.0, 0.0
    skewness, kurtosis = float(squares @ scaled) / number / scale**1.5, float(squares @ squares) / number / scale**2 - 3
    return (
        float(np.clip(skewness, -MOST_TAIL, 0.0)),
        float(np.clip(kurtosis - (24 / number) ** 0.5, 0.0, MOST_TAIL)),
    )


def chance_of(change: Floats, error: Floats, freedom: Floats, skewness: float, kurtosis: float) -> Floats:
    """Return the probabilities of changes at least as large, without any real one; 1 where no error is known.

    The tails of noise that is not normal are longer than Student's: a deviation z of such noise is as improbable as one
    of x with z = x − (x² − 1) s ÷ 6 + (x³ − 3x) k ÷ 24 (Cornish and Fisher 1938), with s only on the slow side.
    """
    exact = np.where(change == 0, 0.0, MOST_RATIO)
    ratio = np.minimum(np.where(error > 0, np.abs(change) / np.where(error > 0, error, 1.0), exact), MOST_RATIO)
    x = ratio.copy()
    slope = np.where(change < 0, -skewness / 6, 0.0)
    for _ in range(NEWTON if skewness or kurtosis else 0):
        squares = x * x
        value = x + slope * (squares - 1) + kurtosis / 24 * x * (squares - 3) - ratio
        x = np.maximum(x - value / (1 + 2 * slope * x + kurtosis / 24 * np.maximum(3 * squares - 3, 0)), 0.0)
    x = np.where(ratio > 1, np.minimum(x, ratio), ratio)
    return np.asarray(np.minimum(2 * special.stdtr(freedom, -x) * np.where(change > 0, FASTER_PENALTY, 1), 1.0))


def newest_ranks(flags: Flags) -> Whole:
    """Return (S, W) the place of each set among the flagged ones, counted from the newest, which has 1."""
    return np.asarray(np.cumsum(flags[:, ::-1], axis=1)[:, ::-1])


def ewma_variances(correlation: Floats) -> Floats:
    """Return the variance of an EWMA of 0 … LONGEST sets, in the variance of one."""
    shares = ewma_shares()
    return np.asarray(shares[:, 0] + 2 * shares[:, 1:] @ correlation[: LONGEST - 1])


@cache
def ewma_shares() -> Floats:
    """Return (LONGEST + 1, LONGEST) the products of an EWMA's weights of sets that are 0 … LONGEST − 1 places apart,
    added up, by its number of sets. That of none is as one of a single set.
    """
    result = np.zeros((LONGEST + 1, LONGEST))
    result[0, 0] = 1.0
    for length in range(1, LONGEST + 1):
        weights = WEIGHT * (1 - WEIGHT) ** np.arange(length)
        weights = weights / weights.sum()
        for lag in range(length):
            result[length, lag] = float(weights[lag:] @ weights[: length - lag])
    return result


def adjust_by_holm(chances: Floats) -> Floats:
    """Return step-down adjusted probabilities (Holm 1979). They hold however the series depend on each other."""
    order = np.argsort(chances, kind="stable")
    steps = np.maximum.accumulate(chances[order] * np.arange(len(chances), 0, -1))
    adjusted = np.empty(len(chances))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
