"""Fields made coarser and finer, by weights along rows and columns.

Each target point is a normalised sum of the source points around it. A kernel is widened by the scale where a field is
made coarser, so that nothing aliases: as Pillow and MATLAB do it, and as torch's ``interpolate`` does only when asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Kernel:
    """A weight by distance, and the distance from which on it is zero, in points of the coarser field."""

    weight: Callable[[Floats], Floats]
    reach: float


def box(x: Floats) -> Floats:
    """Equal weights over one point of the coarser field: the mean of an area."""
    return np.where((x >= -0.5) & (x < 0.5), 1.0, 0.0)


def bicubic(x: Floats) -> Floats:
    """Cubic convolution (Keys 1981), a = -1/2: exact for quadratic polynomials."""
    near, x = -0.5, np.abs(x)
    inner = (near + 2) * x**3 - (near + 3) * x**2 + 1
    outer = near * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, inner, np.where(x < 2, outer, 0.0))


def lanczos(x: Floats) -> Floats:
    """A windowed sinc of three lobes."""
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def gauss(x: Floats) -> Floats:
    """A normal distribution of standard deviation 1/2: an instrument whose points of resolution just overlap."""
    weights: Floats = np.exp(-2 * x**2)
    return weights


KERNELS = {
    "box": Kernel(box, 0.5),
    "bicubic": Kernel(bicubic, 2.0),
    "lanczos": Kernel(lanczos, 3.0),
    "gauss": Kernel(gauss, 2.0),
}
"""By the name that stands with every result. "box" makes finer what is nearest."""


@lru_cache
def resampling_weights(source: int, target: int, kernel: str) -> Floats:
    """The weights (target, source) that make ``target`` points of ``source`` points over one length; rows sum to 1.

    Beyond the edges there is nothing: weights there are left out before a row is normalised.
    """
    scale = source / target
    widened, shape = max(scale, 1.0), KERNELS[kernel]
    centres = (np.arange(target) + 0.5) * scale - 0.5
    weights = shape.weight((np.arange(source) - centres[:, None]) / widened)
    normalised: Floats = weights / weights.sum(axis=1, keepdims=True)
    normalised.flags.writeable = False
    return normalised


def resample_fields(fields: NDArray[np.floating], size: tuple[int, int], kernel: str) -> Floats:
    """Fields (..., h, w) at another size (h, w), in double precision."""
    rows = resampling_weights(fields.shape[-2], size[0], kernel)
    columns = resampling_weights(fields.shape[-1], size[1], kernel)
    result: Floats = rows @ fields.astype(np.float64) @ columns.T
    return result


def shrink_fields(fields: NDArray[np.floating], scale: int, kernel: str) -> Floats:
    """Fields (..., h, w) at a whole part of their size. Raises ValueError unless ``scale`` divides it."""
    height, width = fields.shape[-2:]
    if scale < 1 or height % scale or width % scale:
        raise ValueError(f"scale is {scale}; expected a divisor of the fields' {height} x {width} points")
    return resample_fields(fields, (height // scale, width // scale), kernel)


def enlarge_fields(fields: NDArray[np.floating], scale: int, kernel: str) -> Floats:
    """Fields (..., h, w) at a multiple of their size. Raises ValueError for a scale below 1."""
    if scale < 1:
        raise ValueError(f"scale is {scale}; expected 1 or more")
    height, width = fields.shape[-2:]
    return resample_fields(fields, (height * scale, width * scale), kernel)


def shrink_valid_fields(
    fields: NDArray[np.floating], valid: NDArray[np.bool_], scale: int, kernel: str
) -> tuple[Floats, Floats]:
    """Fields (..., h, w) at a whole part of their size, of valid cells alone; and how much of each coarse cell's weight
    was valid. Raises ValueError unless ``scale`` divides the size.
    """
    weights = shrink_fields(valid.astype(np.float64), scale, kernel)
    sums = shrink_fields(np.where(valid, fields, 0), scale, kernel)
    means: Floats = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)
    return means, weights


def fill_missing(field: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A field (h, w) with the nearest valid cell's value where it has none; zeros where no cell is valid."""
    if not valid.any():
        return np.zeros_like(field)
    rows, columns = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    filled: NDArray[np.float32] = field[rows, columns]
    return filled
