"""Gaussian random fields whose covariance is a power of the Laplacian: N(0, sigma^2 (-Laplace + tau^2 I)^-alpha).

They are sums over the Laplacian's eigenfunctions with independent normal coefficients (Karhunen-Loeve). The constant
function is left out, as in the data of Li et al. 2021 (arXiv:2010.08895).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float64]


def draw_periodic_field(
    shape: tuple[int, ...], sigma: float, tau: float, alpha: float, random: np.random.Generator
) -> Floats:
    """A field on ``shape`` points of the unit interval, square or cube, whose opposite sides are one."""
    frequencies = [fft.fftfreq(points, 1 / points) for points in shape[:-1]]
    frequencies.append(fft.rfftfreq(shape[-1], 1 / shape[-1]))
    squares = sum(np.square(each) for each in np.meshgrid(*frequencies, indexing="ij", sparse=True))
    deviations = sigma * (4 * np.pi**2 * squares + tau**2) ** (-alpha / 2)
    deviations.flat[0] = 0.0
    # Fourier coefficients of white noise have the number of points as their variance.
    modes = fft.rfftn(random.standard_normal(shape)) * deviations * np.sqrt(np.prod(shape))
    field: Floats = fft.irfftn(modes, s=shape)
    return field


def draw_neumann_field(points: int, tau: float, alpha: float, random: np.random.Generator) -> Floats:
    """A field on ``points`` x ``points`` of the closed unit square, edges included, with no slope across its edges."""
    frequencies = np.arange(points)
    squares = frequencies[:, None] ** 2 + frequencies**2
    coefficients = random.standard_normal((points, points)) * (np.pi**2 * squares + tau**2) ** (-alpha / 2)
    coefficients[0, 0] = 0.0
    # DCT-I counts inner coefficients twice; the eigenfunctions' norm makes them sqrt(2) times as large.
    weights = np.where(frequencies > 0, np.sqrt(2.0), 1.0) / np.where(
        (frequencies > 0) & (frequencies < points - 1), 2.0, 1.0
    )
    field: Floats = fft.dctn(coefficients * weights[:, None] * weights, type=1)
    return field
