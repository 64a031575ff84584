"""Scores that hold one factor still: which code keeps still with it?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from workloads.disentanglement.scores.samples import Codes, Factors, Places, into_bins

DRAWN = 200
"""Samples, or pairs of samples, that one point is made of."""
CHUNK = 32
"""Points that are made at a time: their samples' codes then stay in the processor's cache."""
Z_DIFF_POINTS = (10_000, 5_000)
Z_MIN_VAR_POINTS = (800, 800)
"""Points to fit to, and points to test on."""
ACTIVE = 0.05
"""Least standard deviation of a code that is looked at, where the largest one's is 1."""
ITERATIONS = 10_000

Points = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]


class HeldFactors:
    """Samples by the value of each factor (in bins), to draw some from that agree in one."""

    def __init__(self, factors: Factors) -> None:
        self.of_factor = [_Values(values) for values in into_bins(factors).T]

    def draw_rows(self, factor: int, points: int, random: np.random.Generator) -> Places:
        """Return the places of samples (points, DRAWN): those of a point share one value of the factor."""
        values = self.of_factor[factor]
        chosen = random.integers(len(values.counts), size=(points, 1))
        place = random.integers(values.counts[chosen], size=(points, DRAWN))
        rows: Places = values.rows[values.starts[chosen] + place]
        return rows

    def draw_pairs(self, factor: int, points: int, random: np.random.Generator) -> Places:
        """Return the places of pairs of different samples (2, points, DRAWN): the two of a pair share one value of the
        factor.
        """
        values = self.of_factor[factor]
        chosen = random.integers(len(values.counts), size=(points, DRAWN))
        first = random.integers(values.counts[chosen])
        second = random.integers(values.counts[chosen] - 1)
        second += second >= first
        rows: Places = values.rows[values.starts[chosen] + np.stack((first, second))]
        return rows


class _Values:
    """Samples by one factor's values that two or more share: a value's are ``counts`` of ``rows``, from ``starts``."""

    def __init__(self, values: npt.NDArray[np.int64]) -> None:
        self.rows = np.argsort(values, kind="stable")
        counts = np.bincount(values)
        shared = counts > 1
        self.starts = (np.cumsum(counts) - counts)[shared]
        self.counts = counts[shared]


def z_diff(codes: Codes, factors: Factors, random: np.random.Generator) -> float:
    """How well a linear classifier tells the factor that DRAWN pairs of samples agree in by their codes' mean distances
    |z - z'|: its accuracy on further points, from 0 (chance) to 1.

    A pair's value is drawn from those that occur more than once, each as likely. Higgins et al. 2017 (beta-VAE); with
    the settings of Zaidi et al. 2020, arXiv:2012.09276. It is 1 for many codes that mix factors: no target by itself.
    """
    held = HeldFactors(factors)

    def distances(factor: int, points: int) -> npt.NDArray[np.float64]:
        one, other = held.draw_pairs(factor, points, random)
        distance = codes.take(one, axis=0)
        distance -= codes.take(other, axis=0)
        mean: npt.NDArray[np.float64] = np.abs(distance, out=distance).sum(axis=1) / DRAWN
        return mean

    def points_of(count: int) -> Points:
        drawn = np.bincount(random.integers(factors.shape[1], size=count), minlength=factors.shape[1]).tolist()
        made = [
            distances(factor, min(CHUNK, points - start))
            for factor, points in enumerate(drawn)
            for start in range(0, points, CHUNK)
        ]
        return np.concatenate(made), np.repeat(np.arange(len(drawn)), drawn)

    fitted, tested = map(points_of, Z_DIFF_POINTS)
    model = LogisticRegression(max_iter=ITERATIONS).fit(*fitted)
    return above_chance(float(model.score(*tested)), factors.shape[1])


def z_min_var(codes: Codes, factors: Factors, random: np.random.Generator) -> float:
    """How well the code that varies least among DRAWN samples, relative to its variance over all, tells the factor that
    they share: the accuracy of a majority vote on further points, from 0 (chance) to 1.

    Codes that hardly vary at all are left out. Kim and Mnih 2018, arXiv:1802.05983; with the settings of Zaidi et al.
    2020, arXiv:2012.09276. 0 if no code varies.
    """
    active = codes[:, codes.std(axis=0, ddof=1) >= ACTIVE]
    if not active.shape[1]:
        return 0.0
    held, kinds = HeldFactors(factors), factors.shape[1]
    variances = active.var(axis=0, ddof=1)

    def votes_of(count: int) -> npt.NDArray[np.int64]:
        votes = np.zeros((active.shape[1], kinds), np.int64)
        for factor, points in enumerate(np.bincount(random.integers(kinds, size=count), minlength=kinds).tolist()):
            drawn = active[held.draw_rows(factor, points, random)]
            least = (drawn.var(axis=1, ddof=1) / variances).argmin(axis=1)
            votes[:, factor] += np.bincount(least, minlength=len(votes))
        return votes

    fitted, tested = map(votes_of, Z_MIN_VAR_POINTS)
    right = tested[np.arange(len(tested)), fitted.argmax(axis=1)].sum()
    return above_chance(float(right / tested.sum()), kinds)


def above_chance(accuracy: float, classes: int) -> float:
    """Return an accuracy as 0 at chance and 1 at best."""
    return (accuracy - 1 / classes) / (1 - 1 / classes)
