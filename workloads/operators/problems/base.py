"""What is given in a problem: a family of functions, points that an equation is to hold at, and reference solutions.

Without torch: processes that only make data do not load it. The equation itself is in ``equations/``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from workloads.operators.problems.spaces import FunctionSpace, Values

FINE = 65
"""Points along a coordinate between which a spline is as good as the solution."""


@dataclass(frozen=True)
class Collocation:
    """The points (P, d) of a training. The equation is to hold at the first ``residual`` of them, and each condition
    at those of its slice, by the condition's name.
    """

    points: Values
    residual: int
    conditions: Mapping[str, slice]


@dataclass(frozen=True)
class Affine:
    """What depends on a function (m,) as function @ matrix (m, K) + offset (K,)."""

    matrix: NDArray[np.float32]
    offset: NDArray[np.float32]

    @classmethod
    def of(cls, matrix: Values, offset: Values | float = 0.0) -> Affine:
        """In single precision."""
        shift = np.broadcast_to(np.asarray(offset, np.float32), matrix.shape[1:])
        return cls(matrix.astype(np.float32), shift)

    def apply(self, functions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (n, K) of functions (n, m)."""
        values: NDArray[np.float32] = functions @ self.matrix + self.offset
        return values


class Problem(ABC):
    """One equation's domain, functions, points and solutions. Points are in the unit square: (x, t) or (x, y)."""

    COORDINATES: ClassVar[tuple[str, str]]
    OUTPUTS: ClassVar[tuple[str, ...]] = ("u",)
    """What is solved for."""
    JUDGED: ClassVar[tuple[str, ...]] = ("u",)
    """The outputs that the error is of."""
    SENSED: ClassVar[str] = "sensor"
    """What a network is told a number each of, as pictures call it."""
    PARAMETERS: ClassVar[tuple[str, ...]]
    """The settings of a data set that the problem depends on; they are all numbers."""
    POINTS: ClassVar[tuple[str, ...]] = ("points",)
    """The settings that say how many points a training has."""

    def __init__(self, parameters: Mapping[str, float]) -> None:
        self.parameters = dict(parameters)

    @property
    @abstractmethod
    def space(self) -> FunctionSpace:
        """The functions that are given."""

    @property
    @abstractmethod
    def sensing(self) -> Affine:
        """What a network is told of a function: its values at sensors, or its coefficients."""

    @abstractmethod
    def collocate(self, counts: Mapping[str, int], random: np.random.Generator) -> Collocation:
        """Points drawn at random, as many as ``counts`` has for each of POINTS."""

    def sourcing(self, collocation: Collocation) -> Affine | None:
        """The equation's right side at the points that it is to hold at; None: it is zero."""
        return None

    def giving(self, collocation: Collocation) -> Affine | None:
        """What the conditions ask for at their points, one condition after the other; None: zero."""
        return None

    def axes(self, grid: Sequence[int]) -> list[Values]:
        """The coordinates of the grid that solutions are given on."""
        return [np.linspace(0, 1, count) for count in grid]

    @abstractmethod
    def solve(self, functions: Values, axes: Sequence[Values]) -> Values:
        """Reference solutions (n, outputs, n1, n2) for functions (n, m). Raises ValueError where they cannot be had."""

    def solving_grid(self, grid: Sequence[int]) -> Sequence[int]:
        """Points along each coordinate that solutions are had on where those of ``grid`` are not the problem's own."""
        return [max(count, FINE) for count in grid]

    def solve_at(self, functions: Values, axes: Sequence[Values]) -> Values:
        """As ``solve``, at any rising coordinates in the domain: by cubic splines between those of a fine grid."""
        own = self.axes(self.solving_grid([len(axis) for axis in axes]))
        solutions = self.solve(functions, own)
        for place, (known, asked) in enumerate(zip(own, axes, strict=True), 2):
            solutions = CubicSpline(known, solutions, axis=place)(asked)
        return solutions


def uniform_points(count: int, random: np.random.Generator) -> Values:
    """Points (count, 2) anywhere in the unit square."""
    return random.random((count, 2))


def boundary_points(count: int, random: np.random.Generator) -> Values:
    """Points (count, 2) anywhere on the edge of the unit square."""
    along, side = random.random(count), random.integers(0, 4, count)
    fixed = side % 2.0
    points = np.where((side < 2)[:, None], np.stack([along, fixed], axis=1), np.stack([fixed, along], axis=1))
    return points
