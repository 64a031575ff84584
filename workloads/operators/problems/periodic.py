"""Flows on a circle from what they begin with: u_t + u u_x = ν u_xx (Burgers), u_t + u u_x + ε u_xxx = ν u_xx
(Korteweg, de Vries, and with ν above 0 Burgers).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from workloads.operators.problems.base import FINE, Affine, Collocation, Problem, boundary_points, uniform_points
from workloads.operators.problems.spaces import PeriodicField, Values
from workloads.operators.solvers.periodic import Waves, solve_periodic


class PeriodicFlow(Problem):
    """What is given are initial values, which a network sees at the nodes of the circle."""

    COORDINATES = ("x", "t")
    POINTS = ("points", "boundary_points")

    @cached_property
    def space(self) -> PeriodicField:
        """The initial values."""
        return PeriodicField(int(self.parameters["nodes"]), int(self.parameters["waves"]))

    @cached_property
    def sensing(self) -> Affine:
        """All nodes."""
        return Affine.of(np.eye(self.space.size))

    def collocate(self, counts: Mapping[str, int], random: np.random.Generator) -> Collocation:
        """Points anywhere and on the edge of the square, where the equation is to hold; the nodes at t = 0 apart."""
        inside = uniform_points(counts["points"], random)
        edge = boundary_points(counts["boundary_points"], random)
        nodes = self.space.size
        first = np.stack([np.arange(nodes) / nodes, np.zeros(nodes)], axis=1)
        residual = len(inside) + len(edge)
        return Collocation(
            np.concatenate([inside, edge, first]), residual, {"initial": slice(residual, residual + nodes)}
        )

    def giving(self, collocation: Collocation) -> Affine:
        """The initial values at the nodes."""
        return Affine.of(np.eye(self.space.size))

    def axes(self, grid: Sequence[int]) -> list[Values]:
        """The end of the circle is its beginning."""
        return [np.arange(grid[0]) / grid[0], np.linspace(0, 1, grid[1])]

    @abstractmethod
    def symbol(self, waves: Waves) -> Waves:
        """What multiplies a Fourier coefficient in u_t + u u_x, of wave numbers i k."""

    def solving_grid(self, grid: Sequence[int]) -> Sequence[int]:
        """All points of the solver."""
        return [int(self.parameters["resolution"]), max(grid[1], FINE)]

    def solve(self, functions: Values, axes: Sequence[Values]) -> Values:
        """By Fourier's method, see solvers/periodic.py."""
        x, t = axes
        resolution = int(self.parameters["resolution"])
        if resolution % len(x):
            raise ValueError(f"resolution is {resolution}; the grid's {len(x)} points of x have to divide it")
        return solve_periodic(functions, self.symbol, t, resolution)[:, None, :: resolution // len(x)]


class Burgers(PeriodicFlow):
    """Diffusion keeps shocks smooth."""

    PARAMETERS = ("viscosity", "nodes", "waves", "resolution")

    def symbol(self, waves: Waves) -> Waves:
        """ν (i k)²."""
        return self.parameters["viscosity"] * waves**2


class KortewegDeVries(PeriodicFlow):
    """Dispersion makes solitons of shocks, and viscosity wears them down."""

    PARAMETERS = ("dispersion", "viscosity", "nodes", "waves", "resolution")

    def symbol(self, waves: Waves) -> Waves:
        """ν (i k)² - ε (i k)³."""
        return self.parameters["viscosity"] * waves**2 - self.parameters["dispersion"] * waves**3
