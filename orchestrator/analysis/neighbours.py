"""How alike the neighbouring sets of a history are: weeks of a machine are rarely independent of each other.

Sets are taken as a part that comes from the set before it, falling off geometrically with the distance, and a part of
their own: an autoregression of first order under noise, as in Box and Jenkins (1970). Two numbers say all of it, which
few sets show better than ten separate correlations: those of deviations from a mean of few sets always add up to −½.
Their values are not chosen but averaged, by how likely they make what all series together show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.sets import Floats

Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

SHOWN, LAGS = 9, 60
"""Sets apart up to which correlations are measured, and up to which they are known from these."""
LEAST_PAIRS = 20
"""Fewest pairs of neighbours that show anything."""
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Parts of the variance that come from the set before …"""
PERSISTENCE = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""… and how much of it each set keeps."""
INDEPENDENT = 0.6
"""Probability of no such part, before anything is known."""
TRIMMED = 20
"""Of so many series the one whose sets look most alike is left out, since it may be changing, and the one whose sets
look least so."""


@dataclass(frozen=True)
class Alike:
    """The (LAGS,) correlations of sets that are 1, 2, … places apart: the expected ones, and cautious ones, for which
    each model counts as much more as sets are alike by it, since a comparison of means of several sets errs by as much.
    By the most probable model ``sets`` of them are as much as one that is independent of its neighbours.
    """

    expected: Floats
    cautious: Floats
    sets: float


def neighbours_alike(deviations: Floats, known: Flags) -> Alike:
    """Return how alike the sets of all series together are, given the (S, W) deviations from each series' mean."""
    variances = np.sum(deviations**2, axis=1) / np.maximum(known.sum(axis=1) - 1, 1)
    scaled = deviations / np.sqrt(np.where(variances > 0, variances, 1.0))[:, None]
    lags = range(1, min(SHOWN + 1, deviations.shape[1]))
    if not lags:
        return Alike(np.zeros(LAGS), np.zeros(LAGS), 1.0)
    products = [np.sum(scaled[:, lag:] * scaled[:, :-lag], axis=1) for lag in lags]
    cut = len(known) // TRIMMED
    kept = np.argsort(np.sum(products, axis=0), kind="stable")[cut : len(known) - cut]
    known = known[kept]
    pairs = np.asarray([np.sum(known[:, lag:] & known[:, :-lag]) for lag in lags], np.float64)
    shown = int(np.sum(np.minimum.accumulate(pairs) >= LEAST_PAIRS))
    if not shown:
        return Alike(np.zeros(LAGS), np.zeros(LAGS), 1.0)
    pairs = pairs[:shown]
    means = np.stack([values[kept].sum() for values in products[:shown]]) / pairs
    count = known.sum(axis=1)
    numbers, series = np.unique(count[count > 1], return_counts=True)
    expected = np.average([expected_products(int(n))[:, :shown] for n in numbers], axis=0, weights=series)
    misfit = np.sum(pairs * (means - expected) ** 2, axis=1)
    likelihood = prior() * np.exp((misfit.min() - misfit) / 2)
    alike = 1 + 2 * models().sum(axis=1)
    cautious = likelihood * alike
    return Alike(
        likelihood @ models() / likelihood.sum(),
        cautious @ models() / cautious.sum(),
        float(alike[np.argmax(likelihood)]),
    )


@cache
def models() -> Floats:
    """Return the (M, LAGS) correlations of each pair of SHARES and PERSISTENCE; first, of independent sets."""
    lags = np.arange(1, LAGS + 1)
    pairs = [share * kept**lags for share in SHARES for kept in PERSISTENCE]
    return np.stack([np.zeros(LAGS), *pairs])


@cache
def prior() -> Floats:
    """Return the (M,) probabilities of the models before anything is known: the more sets are as much as one that is
    independent, the less.
    """
    weights = 1 / (1 + 2 * models()[1:].sum(axis=1))
    return np.asarray([INDEPENDENT, *((1 - INDEPENDENT) * weights / weights.sum())])


@cache
def expected_products(n: int) -> Floats:
    """Return (M, SHOWN): the mean product of the deviations of two sets 1, 2, … places apart from their mean over ``n``
    sets, in their variance, by model.
    """
    places = np.arange(n)
    distances = np.minimum(np.abs(places[:, None] - places), LAGS)
    matrices = np.pad(models(), ((0, 0), (1, 0)), constant_values=1.0)[:, distances]
    means = matrices.mean(axis=2)
    centred = matrices - means[:, :, None] - means[:, None, :] + means.mean(axis=1)[:, None, None]
    variances = np.trace(centred, axis1=1, axis2=2) / (n - 1)
    result = np.zeros((len(centred), SHOWN))
    for lag in range(1, min(n - 1, SHOWN) + 1):
        result[:, lag - 1] = np.diagonal(centred, lag, 1, 2).mean(axis=1) / variances
    return result


def mean_variance(correlation: Floats, count: Whole) -> Floats:
    """Return the variance of the mean of ``count`` neighbouring sets, in the variance of one."""
    lags, n = np.arange(1, len(correlation) + 1), np.maximum(count, 1)[:, None]
    return np.asarray((1 + 2 * np.clip(1 - lags / n, 0, None) @ correlation) / n[:, 0])


def lost_variance(correlation: Floats, count: Whole) -> Floats:
    """Return by how much the variance about a mean of ``count`` sets is too small: neighbouring sets are alike."""
    n = np.maximum(count, 2)
    return np.asarray(1 / np.maximum(1 - (mean_variance(correlation, n) * n - 1) / (n - 1), 0.2))
