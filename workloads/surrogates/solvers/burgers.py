"""Burgers' equation on a circle of length 1: u_t + (u^2 / 2)_x = viscosity u_xx.

Fourier series without their highest third in products (Orszag 1971), and exponential time differencing of fourth order
(ETDRK4; Cox and Matthews 2002, with the coefficients of Kassam and Trefethen 2005, doi:10.1137/S1064827502410633),
which takes friction exactly.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from workloads.surrogates.solvers.errors import SolverError, require_viscosity
from workloads.surrogates.solvers.random_fields import Floats, draw_periodic_field

Modes = NDArray[np.complex128]
STABLE = 2.8
"""The longest step, in radians that the fastest undamped wave is carried."""
CIRCLE = 32
"""Points on a circle in the complex plane, on which coefficients are averaged: they cancel where they are computed at
a point.
"""


def draw_initial(points: int, random: np.random.Generator) -> Floats:
    """A velocity (n,) of N(0, 625 (-Laplace + 25 I)^-2)."""
    return draw_periodic_field((points,), 25.0, 5.0, 2.0, random)


@dataclass(frozen=True)
class Burgers:
    """The equation on ``points`` points, of some viscosity, by steps of ``step`` s. Raises SolverError."""

    points: int
    viscosity: float
    step: float

    def __post_init__(self) -> None:
        require_viscosity(self.viscosity)
        if not self.step > 0:
            raise SolverError(f"step is {self.step:g}; expected more than 0")

    @functools.cached_property
    def waves(self) -> Floats:
        """Angular wave numbers (n // 2 + 1,)."""
        waves: Floats = 2 * np.pi * fft.rfftfreq(self.points, 1 / self.points)
        return waves

    @functools.cached_property
    def slope(self) -> Modes:
        """What makes of the modes of a square those of -(u^2 / 2)_x: 0 for the highest third."""
        kept = np.arange(len(self.waves)) < self.points / 3
        slope: Modes = np.asarray(-0.5j * self.waves * kept, np.complex128)
        return slope

    @functools.cached_property
    def coefficients(self) -> tuple[Floats, ...]:
        """Of a step: exp(L h), exp(L h / 2), and the weights Q, f1, f2, f3 of Kassam and Trefethen."""
        damping = -self.viscosity * self.waves**2 * self.step
        # The exponent is real, so that the upper half of the circle has all of the mean's real part.
        circle = np.exp(1j * np.pi * (np.arange(1, CIRCLE + 1) - 0.5) / CIRCLE)
        z = damping[:, None] + circle
        grown = np.exp(z)
        return (
            np.exp(damping),
            np.exp(damping / 2),
            self.step * ((np.exp(z / 2) - 1) / z).mean(1).real,
            self.step * ((-4 - z + grown * (4 - 3 * z + z**2)) / z**3).mean(1).real,
            self.step * ((2 + z + grown * (z - 2)) / z**3).mean(1).real,
            self.step * ((-4 - 3 * z - z**2 + grown * (4 - z)) / z**3).mean(1).real,
        )

    def longest_step(self, speed: float) -> float:
        """The longest stable step at a speed: faster waves than the friction damps are carried STABLE radians."""
        fastest = min(2 * np.pi * self.points / 3, speed / self.viscosity)
        return float(STABLE / max(speed * fastest, 1e-300))

    def advance(self, velocity: Floats, seconds: float) -> Floats:
        """The velocity (…, n) so much later. Raises SolverError for a step that is unstable at its speed."""
        speed = float(np.abs(velocity).max())
        bound = self.longest_step(speed)
        if self.step > bound:
            raise SolverError(f"step is {self.step:g} s; at a speed of {speed:.3g} it must be {bound:.3g} s or less")
        steps = round(seconds / self.step)
        if abs(steps * self.step - seconds) > 1e-9 * seconds:
            raise SolverError(f"step is {self.step:g} s; expected a whole number of steps in {seconds:g} s")
        whole, half, q, f1, f2, f3 = self.coefficients
        modes = fft.rfft(velocity)
        for _ in range(steps):
            first = self._transport(modes)
            a = half * modes + q * first
            second = self._transport(a)
            b = half * modes + q * second
            third = self._transport(b)
            c = half * a + q * (2 * third - first)
            modes = whole * modes + f1 * first + 2 * f2 * (second + third) + f3 * self._transport(c)
        later: Floats = fft.irfft(modes, n=self.points)
        return later

    def _transport(self, modes: Modes) -> Modes:
        product: Modes = self.slope * fft.rfft(fft.irfft(modes, n=self.points) ** 2)
        return product
