"""An invented deep field: galaxies of every size and brightness, a few stars, the telescope's blur, and the sky."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BLUR = 0.8
"""Standard deviation of the telescope's point spread, pixels."""
SKY, NOISE = 14.0, 1.5
"""Mean of the empty sky and its standard deviation, levels of 0 to 255."""
GALAXIES, STARS = 3.5e-3, 2e-5
"""How many there are on a pixel, on average; in the Hubble Deep Field some 3,000 on 872 x 1000 pixels."""


def make_sky(rows: int, columns: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Return an image (rows, columns, 3), red, green and blue from 0 to 255."""
    light = np.zeros((rows, columns, 3))
    for _ in range(random.poisson(GALAXIES * rows * columns)):
        # Counts rise by 0.4 a magnitude, so that ten times fainter galaxies are ten times as many, about.
        radius = random.lognormal(np.log(1.6), 0.5)
        brightness = min(12.0 * random.pareto(1.1) + 6.0, 400.0)
        colour = np.array([1.0, 0.85, 0.7]) + random.normal(0, 0.15, 3)
        add_galaxy(
            light, random.uniform((0, 0), (rows, columns)), radius * brightness**0.15, brightness * colour, random
        )
    for _ in range(random.poisson(STARS * rows * columns)):
        row, column = (int(place) for place in random.uniform((0, 0), (rows, columns)))
        light[row, column] += random.pareto(1.0) * 2000 + 500
    light = ndimage.gaussian_filter(light, (BLUR, BLUR, 0))
    seen = SKY + light + random.normal(0, NOISE, light.shape)
    levels: NDArray[np.uint8] = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    return levels


def add_galaxy(
    light: NDArray[np.float64], centre: NDArray[np.float64], radius: float, peak: NDArray[np.float64],
    random: np.random.Generator,
) -> None:  # fmt: skip
    """Add an inclined exponential disc (Freeman 1970, doi:10.1086/150474) to an image (h, w, 3): its scale length
    ``radius`` in pixels, ``peak`` (3,) the light at its centre.
    """
    angle, thin = random.uniform(0, np.pi), random.uniform(0.25, 1.0)
    reach = int(np.ceil(6 * radius))
    row, column = centre.astype(int)
    rows = slice(max(row - reach, 0), row + reach + 1)
    columns = slice(max(column - reach, 0), column + reach + 1)
    part = light[rows, columns]
    down, across = np.mgrid[rows.start : rows.start + part.shape[0], columns.start : columns.start + part.shape[1]]
    down, across = down - centre[0], across - centre[1]
    along = np.cos(angle) * across + np.sin(angle) * down
    aside = (np.cos(angle) * down - np.sin(angle) * across) / thin
    part += np.exp(-np.hypot(along, aside) / radius)[..., None] * peak
