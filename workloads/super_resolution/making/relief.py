"""Relief of an invented planet: land and sea floor as fractal noise, rougher where it is high."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

EXPONENT = 2.0
"""Of a profile's power spectrum k^-EXPONENT: 2 is what the Earth's topography has (Turcotte 1987,
doi:10.1029/JB092iB04p0E597)."""
FLOOR, HEIGHT = -4500.0, 3000.0
"""Mean of the sea floor's depths, and scale of the heights, m."""


def make_relief(rows: int, columns: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return heights (rows, columns) above the sea, m, periodic along the columns."""
    continents = fractal_noise(rows, columns, EXPONENT + 1, random)
    rough = fractal_noise(rows, columns, EXPONENT, random)
    ridges = 1 - np.abs(fractal_noise(rows, columns, EXPONENT, random))
    land = 1 / (1 + np.exp(-4 * continents))
    heights = FLOOR * (1 - land) + land * (200 + 0.5 * HEIGHT * np.maximum(ridges, 0) ** 2) + 300 * rough * (0.4 + land)
    metres: NDArray[np.float32] = np.rint(heights).astype(np.float32)
    return metres


def fractal_noise(rows: int, columns: int, exponent: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Return a normal random field (rows, columns) of mean 0 and variance 1 whose profiles have the spectrum
    k^-exponent, periodic along the columns.
    """
    # Twice as many rows are made, and half of them thrown away: north and south do not meet.
    vertical = fft.fftfreq(2 * rows)[:, None]
    horizontal = fft.rfftfreq(columns)[None, :]
    wave = np.sqrt(vertical**2 + horizontal**2)
    wave[0, 0] = np.inf
    # A field's spectrum is steeper by one than its profiles'.
    waves = fft.rfft2(random.standard_normal((2 * rows, columns))) * wave ** (-(exponent + 1) / 2)
    field = fft.irfft2(waves, s=(2 * rows, columns))[:rows]
    normal: NDArray[np.float64] = (field - field.mean()) / field.std()
    return normal
