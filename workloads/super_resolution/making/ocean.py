"""Sea surface temperature of an invented planet: warm at its equator, stirred by eddies, and missing on land."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workloads.super_resolution.making.relief import fractal_noise

WARMEST, COLDEST = 30.0, -1.8
"""At the equator, and where sea water freezes, °C."""
LAND = 0.3
"""Share of the planet that is land."""
FRONTS = 3.0
"""Standard deviation of what eddies make of the temperature, °C, where it falls fastest."""


def make_seas(months: int, rows: int, columns: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return temperatures (months, rows, columns), °C, NaN on land, periodic along the columns. Months share the land
    and the eddies' lasting part.
    """
    latitude = np.radians(np.linspace(-85, 85, rows))[:, None]
    continents = fractal_noise(rows, columns, 3.0, random)
    land = continents > np.quantile(continents, 1 - LAND)
    lasting = fractal_noise(rows, columns, 3.0, random)
    fields = []
    for month in range(months):
        season = np.radians(5) * np.sin(2 * np.pi * month / 12)
        profile = COLDEST + (WARMEST - COLDEST) * np.cos(np.clip(latitude - season, -np.pi / 2, np.pi / 2)) ** 2
        eddies = 0.8 * lasting + 0.6 * fractal_noise(rows, columns, 3.0, random)
        temperature = profile + FRONTS * np.abs(np.sin(2 * (latitude - season))) * eddies
        fields.append(np.where(land, np.nan, np.maximum(temperature, COLDEST)))
    return np.stack(fields).astype(np.float32)
