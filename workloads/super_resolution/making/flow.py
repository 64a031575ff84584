"""Two-dimensional turbulence that decays: the vorticity equation on a periodic square of side 2 pi.

    dw/dt + u . grad w = viscosity * laplace w,    laplace p = -w,    u = (dp/dy, -dp/dx)

Solved by Fourier series, without their highest third in products (Orszag 1971), and by the classical Runge-Kutta method
of fourth order, with the viscous term integrated exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float64]
Modes = NDArray[np.complex128]
COURANT = 0.5
"""The largest part of a grid cell that the flow crosses in one step."""


@dataclass(frozen=True)
class Flow:
    """A flow on ``points`` × ``points`` grid points, of some kinematic viscosity."""

    points: int
    viscosity: float

    @cached_property
    def wave_numbers(self) -> tuple[Floats, Floats]:
        """Those along rows' direction, (n, 1), and along columns' direction, (1, n // 2 + 1)."""
        whole = fft.fftfreq(self.points, 1 / self.points)[:, None]
        return whole, fft.rfftfreq(self.points, 1 / self.points)[None]

    @cached_property
    def squares(self) -> Floats:
        """Squares of the wave vectors' lengths."""
        y, x = self.wave_numbers
        return x**2 + y**2

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """Which modes products keep."""
        y, x = self.wave_numbers
        return np.maximum(np.abs(x), np.abs(y)) < self.points / 3

    def velocity(self, vorticity: Modes) -> tuple[Floats, Floats]:
        """The flow along x and y, on the grid."""
        y, x = self.wave_numbers
        stream = vorticity / np.where(self.squares > 0, self.squares, 1.0)
        return self._grid(1j * y * stream), self._grid(-1j * x * stream)

    def _grid(self, modes: Modes) -> Floats:
        grid: Floats = fft.irfft2(modes, s=(self.points, self.points))
        return grid

    def transport(self, vorticity: Modes) -> Modes:
        """The rate of change by the flow alone."""
        y, x = self.wave_numbers
        along, across = self.velocity(vorticity)
        product = along * self._grid(1j * x * vorticity) + across * self._grid(1j * y * vorticity)
        rate: Modes = -fft.rfft2(product) * self.kept
        return rate

    def step(self, vorticity: Modes, seconds: float) -> Modes:
        """The modes so much later."""
        half = np.exp(-self.viscosity * self.squares * seconds / 2)
        first = self.transport(vorticity)
        second = self.transport(half * (vorticity + seconds / 2 * first))
        third = self.transport(half * vorticity + seconds / 2 * second)
        fourth = self.transport(half * (half * vorticity + seconds * third))
        later: Modes = half**2 * vorticity + seconds / 6 * (half**2 * first + 2 * half * (second + third) + fourth)
        return later

    def advance(self, vorticity: Floats, seconds: float) -> Floats:
        """The vorticity (n, n) so much later, in equal steps short enough for the fastest flow at the beginning."""
        modes: Modes = fft.rfft2(vorticity) * self.kept
        fastest = max(float(np.abs(part).max()) for part in self.velocity(modes))
        steps = max(1, int(np.ceil(seconds * fastest * self.points / (2 * np.pi * COURANT))))
        for _ in range(steps):
            modes = self.step(modes, seconds / steps)
        return self._grid(modes)

    def energy(self, vorticity: Floats) -> float:
        """Mean kinetic energy of a unit of mass."""
        along, across = self.velocity(fft.rfft2(vorticity))
        return float(0.5 * (along**2 + across**2).mean())


def draw_vorticity(points: int, random: np.random.Generator, peak: float = 6.0) -> Floats:
    """A random vorticity (n, n) of mean energy 1/2, whose energy is largest about wave number ``peak`` (McWilliams
    1984, doi:10.1017/S0022112084001750).
    """
    flow = Flow(points, 0.0)
    length = np.sqrt(flow.squares)
    # The energy of a ring of modes is shared by its circumference.
    energy = 1 / (1 + (length / peak) ** 4)
    modes = fft.rfft2(random.standard_normal((points, points))) * length * np.sqrt(energy) * flow.kept
    vorticity: Floats = fft.irfft2(modes, s=(points, points))
    vorticity *= np.sqrt(0.5 / flow.energy(vorticity))
    return vorticity
