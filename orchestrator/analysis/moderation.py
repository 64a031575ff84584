"""Variances of many series that are measured alike, each improved by what the others say.

Five repeats know their own spread badly, and a test that has nothing else must ask for large effects. Twenty metrics
of one machine know it together: their variances are taken for draws from one scaled F distribution, whose parameters
the family itself shows, and each is moved towards the common value as far as that distribution is narrow (Smyth 2004,
"Linear models and empirical Bayes methods", section 6.2). Where the series differ in earnest, it hardly moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

FEWEST = 6
"""A smaller family does not show how much its variances differ: it is left as it is."""
MOST_FREEDOM = 30
"""More than this is not claimed by what the others say: real values have heavier tails than normal ones, and quantiles
of many degrees of freedom would let twice the false alarms through for a hundredth more of what is found.
"""


@dataclass(frozen=True)
class Spread:
    """An estimated variance and its degrees of freedom; no degree of freedom: nothing is known."""

    variance: float
    freedom: float


def moderate_spreads(spreads: Sequence[Spread]) -> list[Spread]:
    """The same spreads, each drawn towards the family's. One that is unknown or exactly zero stays as it is and has no
    part in it.
    """
    usable = [item for item in spreads if item.freedom > 0 and item.variance > 0]
    if len(usable) < FEWEST:
        return list(spreads)
    variances = np.array([item.variance for item in usable])
    freedoms = np.array([item.freedom for item in usable])
    common, prior = common_spread(variances, freedoms)
    # The family as a whole knows no more than all its values.
    most = min(float(freedoms.sum()), MOST_FREEDOM)
    return [
        Spread(
            common if np.isinf(prior) else (prior * common + item.freedom * item.variance) / (prior + item.freedom),
            max(item.freedom, min(item.freedom + prior, most)),
        )
        if item.freedom > 0 and item.variance > 0
        else item
        for item in spreads
    ]


def common_spread(variances: npt.NDArray[np.float64], freedoms: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The variance that the family shares and the degrees of freedom it is worth (infinite: they differ by chance
    alone), by the mean and the variance of the logarithms.
    """
    half = freedoms / 2
    logs = np.log(variances) - special.digamma(half) + np.log(half)
    excess = float(logs.var(ddof=1) - special.polygamma(1, half).mean())
    if excess <= 0:
        return float(np.exp(logs.mean())), float("inf")
    prior = inverse_trigamma(excess)
    return float(np.exp(logs.mean() + special.digamma(prior) - np.log(prior))), 2 * prior


def inverse_trigamma(value: float) -> float:
    """The x > 0 with trigamma(x) = value > 0, by Newton's method on 1 ÷ trigamma (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(50):
        found = float(special.polygamma(1, x))
        step = found * (1 - found / value) / float(special.polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return x
