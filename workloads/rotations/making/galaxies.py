"""Galaxies of GalaxyMNIST's four kinds: Sérsic profiles, discs, spiral arms, a point spread and the sky's noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]

PIXELS = 64
KINDS = ("smooth_round", "smooth_cigar", "edge_on_disk", "unbarred_spiral")
OLD, YOUNG = np.array([1.0, 0.82, 0.6]), np.array([0.72, 0.85, 1.0])
"""Red, green and blue of old and of young stars."""
STRETCH = 6.0
"""How strongly faint parts are lifted: the inverse hyperbolic sine of so many times the brightness."""


def draw_galaxy(kind: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """One galaxy (64, 64, 3) of ``KINDS[kind]`` at any angle."""
    x, y = turned_grid(random.uniform(0, 2 * np.pi), random.normal(0, 0.7, 2))
    size = random.uniform(3.5, 9.0)
    light = (round_galaxy, cigar, edge_on, spiral)[kind](x, y, size, random)
    seen = ndimage.gaussian_filter(light, (random.uniform(0.7, 1.1),) * 2 + (0,))
    seen = seen / seen.max() + random.normal(0, random.uniform(0.01, 0.06), seen.shape)
    stretched = np.arcsinh(STRETCH * seen.clip(0)) / np.arcsinh(STRETCH)
    levels: NDArray[np.uint8] = np.rint(255 * stretched.clip(0, 1)).astype(np.uint8)
    return levels


def turned_grid(turn: float, middle: Floats) -> tuple[Floats, Floats]:
    """Places (64, 64) to the right and upwards of a middle, in a frame that is turned against the clock."""
    place = np.arange(PIXELS) - (PIXELS - 1) / 2
    right, up = place[None, :] - middle[0], -place[:, None] - middle[1]
    return right * np.cos(turn) + up * np.sin(turn), up * np.cos(turn) - right * np.sin(turn)


def sersic(radius: Floats, effective: float, index: float) -> Floats:
    """Sérsic's profile (1963), 1 at the effective radius: exp(−b((r/rₑ)^(1/n) − 1)), b ≈ 2n − 1/3 (Ciotti and
    Bertin 1999).
    """
    bend = 2 * index - 1 / 3
    profile: Floats = np.exp(-bend * ((radius / effective) ** (1 / index) - 1))
    return profile


def round_galaxy(x: Floats, y: Floats, size: float, random: np.random.Generator) -> Floats:
    """Old stars, as wide as tall."""
    flat = random.uniform(0.72, 1.0)
    light: Floats = sersic(np.hypot(x, y / flat), size, random.uniform(2.0, 4.5))[..., None] * OLD
    return light


def cigar(x: Floats, y: Floats, size: float, random: np.random.Generator) -> Floats:
    """Old stars, two or three times as long as wide."""
    flat = random.uniform(0.3, 0.6)
    light: Floats = sersic(np.hypot(x, y / flat), 1.4 * size, random.uniform(1.5, 3.0))[..., None] * OLD
    return light


def edge_on(x: Floats, y: Floats, size: float, random: np.random.Generator) -> Floats:
    """A thin disc from its side, a bulge in its middle, and often a lane of dust."""
    thin = random.uniform(0.8, 2.4)
    disc = np.exp(-np.abs(x) / (0.9 * size)) / np.cosh(y / thin) ** 2
    dust = 1 - random.uniform(0, 0.6) * np.exp(-((y / (0.5 * thin)) ** 2) - (x / (1.5 * size)) ** 2)
    bulge = 0.05 * random.uniform(0, 1) * sersic(np.hypot(x, y / 0.7), 0.3 * size, 2.0)
    light: Floats = (disc * dust)[..., None] * (0.5 * OLD + 0.5 * YOUNG) + bulge[..., None] * OLD
    return light


def spiral(x: Floats, y: Floats, size: float, random: np.random.Generator) -> Floats:
    """A disc seen from somewhere above, a bulge, and two or three logarithmic arms that wind either way."""
    flat = random.uniform(0.55, 1.0)
    radius, theta = np.hypot(x, y / flat), np.arctan2(y / flat, x)
    arms = random.integers(2, 4)
    winding = random.choice((-1, 1)) * random.uniform(2.0, 4.0)
    wave = np.cos(arms * theta + winding * arms / 2 * np.log(radius / size + 0.1))
    disc = np.exp(-radius / (0.9 * size))
    arm = disc * np.exp(2.5 * (wave - 1)) * (1 - np.exp(-((radius / (0.4 * size)) ** 2)))
    bulge = 0.04 * random.uniform(0.5, 1.5) * sersic(radius, 0.25 * size, 2.0)
    light: Floats = (0.25 * disc + bulge)[..., None] * OLD + random.uniform(0.3, 1.2) * arm[..., None] * YOUNG
    return light
