"""Flat figures: how much of each pixel lies inside an outline."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workloads.disentanglement.rendering.mesh import Floats
from workloads.disentanglement.rendering.shading import average_samples

Inside = Callable[[Floats, Floats], NDArray[np.bool_]]
"""Whether points (...) to the right of and above a figure's centre lie in it."""


def cover_pixels(
    inside: Inside, centre: tuple[float, float], angle: float, scale: float, pixels: int, samples: int
) -> Floats:
    """The part (pixels, pixels) of each pixel that a figure covers, from ``samples`` ² points in it.

    The figure is enlarged by ``scale``, turned counter-clockwise by ``angle`` (radians), and moved to ``centre``, its
    column and row in pixels from the upper left corner.
    """
    place = (np.arange(pixels * samples) + 0.5) / samples
    right, up = np.meshgrid(place - centre[0], centre[1] - place)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = inside((cos * right + sin * up) / scale, (cos * up - sin * right) / scale)
    return average_samples(turned.astype(np.float64), samples)


def in_disc(x: Floats, y: Floats) -> NDArray[np.bool_]:
    """The unit disc."""
    within: NDArray[np.bool_] = x**2 + y**2 <= 1
    return within


def in_square(x: Floats, y: Floats) -> NDArray[np.bool_]:
    """The square whose sides are 2."""
    return np.maximum(np.abs(x), np.abs(y)) <= 1


def in_ellipse(x: Floats, y: Floats) -> NDArray[np.bool_]:
    """The ellipse of half axes 1 and 0.6."""
    within: NDArray[np.bool_] = x**2 + (y / 0.6) ** 2 <= 1
    return within


def in_heart(x: Floats, y: Floats) -> NDArray[np.bool_]:
    """The heart (x² + y² − 1)³ ≤ x² y³, moved and reduced to lie between -1 and 1."""
    x, y = 1.15 * x, 1.15 * y + 0.1
    within: NDArray[np.bool_] = (x**2 + y**2 - 1) ** 3 <= x**2 * y**3
    return within


def in_polygon(corners: Floats) -> Inside:
    """A polygon of corners (K, 2), by how often a ray crosses its sides."""

    def inside(x: Floats, y: Floats) -> NDArray[np.bool_]:
        odd = np.zeros(x.shape, bool)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if y0 != y1:
                odd ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        return odd

    return inside
