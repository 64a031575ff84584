"""Noise of simulated machines, and rates with their intervals: what the simulations of this folder share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

Drawn = np.ndarray
Noise = Callable[[np.random.Generator, tuple[int, ...]], Drawn]
"""Logarithms of relative speeds, with mean 0 and about unit standard deviation."""


def normal(random: np.random.Generator, shape: tuple[int, ...]) -> Drawn:
    """Normal noise of the logarithm: a log-normal speed."""
    return random.standard_normal(shape)


def bimodal(random: np.random.Generator, shape: tuple[int, ...]) -> Drawn:
    """A quarter of the runs is slower by three standard deviations of the others."""
    mixed = random.standard_normal(shape) - 3 * (random.random(shape) < 0.25)
    return np.asarray((mixed + 0.75) / np.sqrt(1 + 9 * 0.1875))


def slow_tail(random: np.random.Generator, shape: tuple[int, ...]) -> Drawn:
    """An exponential tail towards slow runs."""
    return np.asarray(1 - random.exponential(1, shape))


def heavy(random: np.random.Generator, shape: tuple[int, ...]) -> Drawn:
    """Student's t with 3 degrees of freedom."""
    return np.asarray(random.standard_t(3, shape) / np.sqrt(3))


NOISES: dict[str, Noise] = {"normal": normal, "bimodal": bimodal, "slow tail": slow_tail, "Student t3": heavy}


def rate_interval(hits: int, trials: int) -> tuple[float, float]:
    """Clopper and Pearson's (1934) 95 % interval of a rate."""
    low = float(stats.beta.ppf(0.025, hits, trials - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(0.975, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high
