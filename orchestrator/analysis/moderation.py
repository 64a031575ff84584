"""Improves the variances of many series that are measured alike, each with the help of the others.

Five repeats give a poor estimate of their own spread, so a test that uses it alone finds only large effects. Twenty
metrics of one machine give a better one together: their variances are taken as draws from one scaled F distribution,
whose parameters the family determines. Each variance is moved towards the common value, the further the narrower the
distribution is (Smyth 2004, "Linear models and empirical Bayes methods", section 6.2). Where the series really differ,
a variance hardly moves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from orchestrator.analysis import special

Floats = npt.NDArray[np.float64]

FEWEST = 6
"""Smallest family that is moderated. A smaller one does not show how much its variances differ."""
MOST_FREEDOM = 100
"""Most degrees of freedom that the family may add up to. Real values have heavier tails than normal ones, and a higher
cap would double the false alarms for one per cent more detections.
"""


def moderate_variances(variances: Floats, freedoms: Floats) -> tuple[Floats, Floats]:
    """Return the variances, each moved towards the family's, and their degrees of freedom. One that is unknown (no
    degrees of freedom) or exactly zero stays as it is and is no part of the family.
    """
    usable = (freedoms > 0) & (variances > 0)
    if usable.sum() < FEWEST:
        return variances, freedoms
    common, prior = common_spread(variances[usable], freedoms[usable])
    # The family as a whole knows no more than all its values.
    most = min(float(freedoms[usable].sum()), MOST_FREEDOM)
    moved = (
        common if np.isinf(prior) else (prior * common + freedoms * variances) / (prior + np.maximum(freedoms, 1e-9))
    )
    gained = np.maximum(freedoms, np.minimum(freedoms + prior, most))
    return np.where(usable, moved, variances), np.where(usable, gained, freedoms)


def common_spread(variances: Floats, freedoms: Floats) -> tuple[float, float]:
    """Return the variance that the family shares and its degrees of freedom, from the mean and variance of the
    logarithms.

    Infinite degrees of freedom: the variances differ by chance alone.
    """
    half = freedoms / 2
    logs = np.log(variances) - special.digamma(half) + np.log(half)
    # The Hurwitz zeta function of 2 is the trigamma function, and that of 3 its derivative but for −2.
    excess = float(logs.var(ddof=1) - special.zeta(2, half).mean())
    if excess <= 0:
        return float(np.exp(logs.mean())), float("inf")
    prior = inverse_trigamma(excess)
    return float(np.exp(logs.mean() + special.digamma(prior) - np.log(prior))), 2 * prior


def inverse_trigamma(value: float) -> float:
    """Return the x > 0 with trigamma(x) = value > 0, by Newton's method on 1 ÷ trigamma (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(50):
        found = float(special.zeta(2, x))
        step = found * (1 - found / value) / float(-2 * special.zeta(3, x))
        x += step
        if -step / x < 1e-8:
            break
    return x
