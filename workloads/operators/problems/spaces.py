"""Families of random functions. A function is a vector of numbers that its values depend on linearly."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Values = NDArray[np.float64]

UNHELD = 0.01
"""How much of a function, in relative L2, may be no wave that its family has."""


class FunctionSpace(ABC):
    """Random functions of a point. ``size`` is how many numbers (m,) stand for one."""

    size: int

    @abstractmethod
    def draw(self, count: int, random: np.random.Generator) -> Values:
        """So many functions (count, m)."""

    @abstractmethod
    def basis(self, points: Values) -> Values:
        """What a function's numbers are multiplied by to have its values: functions (n, m) @ basis (m, P) are (n, P)
        at ``points``, (P,) of functions of one coordinate, else (P, d).
        """

    def refuse_unheld(self, functions: Values) -> None:  # noqa: B027
        """Raise ValueError for functions (n, m) that are none of the family's. Most families have all."""


class GaussianField(FunctionSpace):
    """Gaussian processes on [0, 1] with variance 1 and the covariance exp(-r² / 2 l²), as values at equidistant nodes.

    Between nodes a cubic spline is the function: at 201 nodes and l = 0.2 it is within 1e-6 of the process.
    """

    def __init__(self, length_scale: float, nodes: int) -> None:
        self.size, self.length_scale = nodes, length_scale
        self.nodes = np.linspace(0, 1, nodes)

    def draw(self, count: int, random: np.random.Generator) -> Values:
        """By the eigenvectors of the covariance, whose least eigenvalues are below rounding."""
        distances = self.nodes[:, None] - self.nodes
        powers, vectors = np.linalg.eigh(np.exp(-0.5 * (distances / self.length_scale) ** 2))
        drawn: Values = random.standard_normal((count, self.size)) @ (vectors * np.sqrt(powers.clip(0))).T
        return drawn

    def basis(self, points: Values) -> Values:
        """The splines of unit vectors at ``points`` (P,)."""
        splines: Values = CubicSpline(self.nodes, np.eye(self.size))(points).T
        return splines


class PeriodicField(FunctionSpace):
    """Gaussian processes on a circle of length 1 with mean 0 and the covariance 625 (-Δ + 25)^-2, as values at nodes
    j / m: the initial values of the neural operators' Burgers data (Li et al. 2021, arXiv:2010.08895). The first
    ``waves`` are there; None: all that nodes have.
    """

    def __init__(self, nodes: int, waves: int | None = None) -> None:
        self.size = nodes
        self.waves = (nodes - 1) // 2 if waves is None else waves

    def draw(self, count: int, random: np.random.Generator) -> Values:
        """As Fourier series; the constant is left out, so that the mean over the circle is 0."""
        waves = np.arange(1, self.waves + 1)
        deviations = 25 / ((2 * np.pi * waves) ** 2 + 25)
        parts = random.standard_normal((2, count, len(waves))) * deviations / np.sqrt(2)
        spectrum = np.zeros((count, self.size // 2 + 1), np.complex128)
        spectrum[:, 1 : len(waves) + 1] = parts[0] + 1j * parts[1]
        values: Values = np.fft.irfft(spectrum * self.size, self.size)
        return values

    def basis(self, points: Values) -> Values:
        """The trigonometric polynomials of unit vectors at ``points`` (P,)."""
        spectrum = np.fft.rfft(np.eye(self.size)) / self.size
        waves = np.arange(spectrum.shape[1])
        weights = np.where((waves == 0) | (2 * waves == self.size), 1.0, 2.0)
        values: Values = ((weights * spectrum) @ np.exp(2j * np.pi * np.outer(waves, points))).real
        return values

    def refuse_unheld(self, functions: Values) -> None:
        """A mean other than 0, and waves beyond those that are there, are what no field has by its form."""
        spectrum = np.fft.rfft(functions)
        spectrum[:, 1 : self.waves + 1] = 0
        rest, size = (np.linalg.norm(values, axis=1) for values in (np.fft.irfft(spectrum, self.size), functions))
        beyond = np.flatnonzero(rest > UNHELD * size)
        if len(beyond):
            first = int(beyond[0])
            raise ValueError(
                f"function {first} is by {rest[first] / size[first]:.1%} no sum of the first {self.waves} waves "
                f"(waves={self.waves}; {self.size} nodes have up to {(self.size - 1) // 2}), whose mean is 0"
            )


class SineSeries(FunctionSpace):
    """Sums of a_mn sin(m π x) sin(n π y), m and n up to ``modes``, as their coefficients, which are standard normal."""

    def __init__(self, modes: int) -> None:
        self.size, self.modes = modes**2, modes

    def draw(self, count: int, random: np.random.Generator) -> Values:
        """The coefficients."""
        return random.standard_normal((count, self.size))

    def basis(self, points: Values) -> Values:
        """The products of sines at ``points`` (P, 2)."""
        numbers = np.pi * np.arange(1, self.modes + 1)
        x, y = (np.sin(numbers[:, None] * points[:, place]) for place in (0, 1))
        values: Values = (x[:, None] * y).reshape(self.size, -1)
        return values
