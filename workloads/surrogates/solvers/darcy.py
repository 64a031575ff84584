"""Flow through a porous square: -div(a grad u) = f on the unit square, u = 0 on its edges.

Five-point differences on ``n`` x ``n`` points, edges included, with the mean of both points' coefficient between them:
what Li et al. 2021 (arXiv:2010.08895) solve by elimination. Here by conjugate gradients, with the Poisson equation as
preconditioner, which sine transforms solve (Concus and Golub 1973, doi:10.1137/0710092): the number of iterations
depends on the coefficient's contrast, not on the grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from workloads.surrogates.solvers.errors import SolverError
from workloads.surrogates.solvers.random_fields import Floats, draw_neumann_field

HIGH, LOW = 12.0, 3.0
"""The coefficient where the drawn field is positive, and where it is not."""
TOLERANCE = 1e-9
"""Norm of the residual, of that of the right side."""
MOST_ITERATIONS = 500


def draw_coefficient(points: int, random: np.random.Generator) -> Floats:
    """Two kinds of rock (n, n): HIGH or LOW by the sign of N(0, (-Laplace + 9 I)^-2)."""
    drawn = draw_neumann_field(points, 3.0, 2.0, random)
    rocks: Floats = np.where(drawn >= 0, HIGH, LOW)
    return rocks


def solve_darcy(coefficient: NDArray[np.floating], source: float | Floats = 1.0) -> Floats:
    """Return the pressure (…, n, n), edges included, for coefficients (…, n, n), all positive.

    ``source`` is f, one number or (n, n). Raises SolverError.
    """
    a = np.asarray(coefficient, np.float64)
    points = a.shape[-1]
    if a.shape[-2] != points or points < 3:
        raise SolverError(f"coefficient has shape {a.shape}; expected squares of 3 points or more")
    if not (np.isfinite(a).all() and (a > 0).all()):
        raise SolverError("coefficient is not positive everywhere; Darcy's law needs a positive one")
    down = (a[..., :-1, 1:-1] + a[..., 1:, 1:-1]) / 2
    right = (a[..., 1:-1, :-1] + a[..., 1:-1, 1:]) / 2
    forcing = np.broadcast_to(np.asarray(source, np.float64), a.shape)[..., 1:-1, 1:-1] / (points - 1) ** 2
    inner = _conjugate_gradients(down, right, forcing, _poisson_eigenvalues(points - 2))
    pressure = np.zeros(a.shape)
    pressure[..., 1:-1, 1:-1] = inner
    return pressure


def _poisson_eigenvalues(inner: int) -> Floats:
    """Of the five-point Laplacian on inner points, for a sine of each number of half waves along both axes."""
    each: Floats = 4 * np.sin(np.pi * np.arange(1, inner + 1) / (2 * (inner + 1))) ** 2
    return each[:, None] + each


def _apply(down: Floats, right: Floats, u: Floats) -> Floats:
    """Minus the divergence of what flows, times the squared spacing."""
    padded = np.pad(u, [(0, 0)] * (u.ndim - 2) + [(1, 1), (1, 1)])
    vertical = down * np.diff(padded[..., 1:-1], axis=-2)
    horizontal = right * np.diff(padded[..., 1:-1, :], axis=-1)
    flow: Floats = -np.diff(vertical, axis=-2) - np.diff(horizontal, axis=-1)
    return flow


def _conjugate_gradients(down: Floats, right: Floats, forcing: Floats, eigenvalues: Floats) -> Floats:
    """Solve for inner points (…, m, m); all of a batch take the iterations that the slowest one needs."""

    def precondition(residual: Floats) -> Floats:
        solved: Floats = fft.idstn(fft.dstn(residual, type=1, axes=(-2, -1)) / eigenvalues, type=1, axes=(-2, -1))
        return solved

    def dot(one: Floats, other: Floats) -> Floats:
        product: Floats = np.einsum("...ij,...ij->...", one, other)[..., None, None]
        return product

    solution = np.zeros_like(forcing)
    residual = forcing.copy()
    step = precondition(residual)
    energy = dot(residual, step)
    least = np.finfo(np.float64).tiny
    wanted = np.maximum(TOLERANCE**2 * dot(forcing, forcing), least)
    for _ in range(MOST_ITERATIONS):
        flow = _apply(down, right, step)
        length = energy / np.maximum(dot(step, flow), least)
        solution += length * step
        residual -= length * flow
        if (dot(residual, residual) <= wanted).all():
            return solution
        conditioned = precondition(residual)
        before, energy = energy, dot(residual, conditioned)
        step = conditioned + energy / np.maximum(before, least) * step
    raise SolverError(
        f"the pressure was not found in {MOST_ITERATIONS} iterations; the coefficient's contrast is too great"
    )
