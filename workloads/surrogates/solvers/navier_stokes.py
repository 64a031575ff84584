"""Flow in the plane, periodic on the unit square, as vorticity: w_t + u . grad w = viscosity laplace w + f.

    laplace p = -w,    u = (dp/dy, -dp/dx),    f = 0.1 (sin 2 pi (x + y) + cos 2 pi (x + y))

Fourier series without their highest third in products (Orszag 1971). Friction by Crank and Nicolson, as in the solver
of Li et al. 2021 (arXiv:2010.08895); transport by a Runge-Kutta method of third order within each step (Spalart, Moser
and Rogers 1991, doi:10.1016/0021-9991(91)90238-G), where that solver has Euler's of first order.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from workloads.surrogates.solvers.errors import SolverError, require_viscosity
from workloads.surrogates.solvers.random_fields import Floats, draw_periodic_field

Modes = NDArray[np.complex128]
STABLE = 3**0.5
"""The longest step, in radians that the fastest wave is carried: the method's limit for waves without friction."""
STAGES = ((8 / 15, 0.0), (5 / 12, -17 / 60), (3 / 4, -5 / 12))
"""Weights of a stage's own transport and of the stage's before."""


def draw_vorticity(points: int, random: np.random.Generator) -> Floats:
    """A vorticity (n, n) of N(0, 7^(3/2) (-Laplace + 49 I)^(-5/2))."""
    return draw_periodic_field((points, points), 7**0.75, 7.0, 2.5, random)


def published_force(points: int) -> Floats:
    """The force's curl f (n, n); the first axis is x."""
    x = np.arange(points) / points
    angle = 2 * np.pi * (x[:, None] + x)
    force: Floats = 0.1 * (np.sin(angle) + np.cos(angle))
    return force


@dataclass(frozen=True)
class NavierStokes:
    """The equation on ``points`` x ``points`` points, by steps of ``step`` s at most. Raises SolverError."""

    points: int
    viscosity: float
    step: float

    def __post_init__(self) -> None:
        require_viscosity(self.viscosity)
        if not self.step > 0:
            raise SolverError(f"step is {self.step:g}; expected more than 0")

    @functools.cached_property
    def waves(self) -> tuple[Floats, Floats]:
        """Angular wave numbers along x, (n, 1), and along y, (1, n // 2 + 1)."""
        frequencies = fft.fftfreq(self.points, 1 / self.points)[:, None]
        return 2 * np.pi * frequencies, 2 * np.pi * fft.rfftfreq(self.points, 1 / self.points)[None]

    @functools.cached_property
    def squares(self) -> Floats:
        """Squares of the wave vectors' lengths."""
        x, y = self.waves
        return x**2 + y**2

    @functools.cached_property
    def kept(self) -> NDArray[np.bool_]:
        """Which modes products keep."""
        x, y = self.waves
        return np.maximum(np.abs(x), np.abs(y)) < 2 * np.pi * self.points / 3

    def velocity(self, vorticity: Modes) -> tuple[Floats, Floats]:
        """The flow along x and along y, on the grid."""
        x, y = self.waves
        stream = vorticity / np.where(self.squares > 0, self.squares, np.inf)
        return self._grid(1j * y * stream), self._grid(-1j * x * stream)

    def _grid(self, modes: Modes) -> Floats:
        grid: Floats = fft.irfft2(modes, s=(self.points, self.points))
        return grid

    def longest_step(self, vorticity: Floats) -> float:
        """The longest stable step for the flow of a vorticity (…, n, n)."""
        along, across = self.velocity(fft.rfft2(vorticity))
        fastest = float((np.abs(along) + np.abs(across)).max())
        return float(STABLE / max(fastest * 2 * np.pi * self.points / 3, 1e-300))

    def advance(self, vorticity: Floats, seconds: float, force: Floats | float = 0.0) -> Floats:
        """The vorticity (…, n, n) so much later. Raises SolverError for a step that is unstable for its flow."""
        bound = self.longest_step(vorticity)
        if self.step > bound:
            raise SolverError(f"step is {self.step:g} s; for this flow it must be {bound:.3g} s or less")
        steps = max(1, int(np.ceil(seconds / self.step - 1e-9)))
        h = seconds / steps
        forcing = fft.rfft2(np.broadcast_to(force, (self.points, self.points)))
        modes: Modes = fft.rfft2(vorticity) * self.kept
        for _ in range(steps):
            before: Any = 0.0
            for now, earlier in STAGES:
                part = (now + earlier) * h
                transport = self._transport(modes)
                explicit = h * (now * transport + earlier * before) + part * forcing
                damping = 0.5 * part * self.viscosity * self.squares
                modes = ((1 - damping) * modes + explicit) / (1 + damping)
                before = transport
        if not np.isfinite(modes).all():
            raise SolverError(f"the flow grew without end by steps of {h:.3g} s; take a shorter step")
        return self._grid(modes)

    def _transport(self, vorticity: Modes) -> Modes:
        x, y = self.waves
        along, across = self.velocity(vorticity)
        product = along * self._grid(1j * x * vorticity) + across * self._grid(1j * y * vorticity)
        rate: Modes = -fft.rfft2(product) * self.kept
        return rate

    def energy(self, vorticity: Floats) -> Floats:
        """Mean kinetic energy of a unit of mass, (…,)."""
        along, across = self.velocity(fft.rfft2(vorticity))
        mean: Floats = 0.5 * (along**2 + across**2).mean(axis=(-2, -1))
        return mean
