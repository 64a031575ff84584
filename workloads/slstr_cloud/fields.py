"""Random fields with natural scales, for clouds, coasts and floes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def random_field(
    random: np.random.Generator,
    shape: tuple[int, int],
    km_per_pixel: float,
    slope: float,
    outer_km: float,
    inner_km: float = 0.0,
    stretch: float = 1.0,
    direction: float = 0.0,
) -> Field:
    """A Gaussian random field (h, w), zero mean, unit variance, with a power-law spectrum k^-slope.

    Flat above the scale ``outer_km``, smooth below ``inner_km``; ``stretch`` times longer along ``direction`` (rad).
    Clouds have slopes near 8/3 in 2-D, that is 5/3 along a line (Davis et al., J. Atmos. Sci. 54, 241, 1997).
    """
    height, width = shape
    noise = random.standard_normal(shape, np.float32)
    down = np.fft.fftfreq(height, km_per_pixel).astype(np.float32)[:, None]
    across = np.fft.rfftfreq(width, km_per_pixel).astype(np.float32)[None, :]
    along = (across * np.cos(direction) + down * np.sin(direction)) * np.float32(stretch)
    aside = down * np.cos(direction) - across * np.sin(direction)
    squared = along**2 + aside**2
    amplitude = (squared + np.float32(1 / outer_km**2)) ** np.float32(-slope / 4)
    if inner_km:
        amplitude *= np.exp(squared * np.float32(-(inner_km**2)))
    amplitude[0, 0] = 0
    field = np.fft.irfft2(np.fft.rfft2(noise) * amplitude, shape)
    result: Field = ((field - field.mean()) / field.std()).astype(np.float32)
    return result


def logistic(x: Field) -> Field:
    """Return the logistic function of x, 0 to 1."""
    result: Field = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))
    return result
