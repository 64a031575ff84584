"""Stokes flow in a square under a lid that moves: μ Δ(u, v) = ∇p, u_x + v_y = 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from workloads.operators.problems.base import Affine, Collocation, Problem, boundary_points, uniform_points
from workloads.operators.problems.spaces import GaussianField, Values
from workloads.operators.solvers.cavity import solve_cavity


class Stokes(Problem):
    """The lid moves by u = (1 + g(x) / 10) x (1 - x); g is a Gaussian process, which a network sees at sensors."""

    COORDINATES = ("x", "y")
    OUTPUTS = ("u", "v", "p")
    JUDGED = ("u",)
    PARAMETERS = ("viscosity", "length_scale", "nodes", "sensors")
    POINTS = ("points", "boundary_points")

    @cached_property
    def space(self) -> GaussianField:
        """What disturbs the lid."""
        return GaussianField(self.parameters["length_scale"], int(self.parameters["nodes"]))

    @cached_property
    def sensing(self) -> Affine:
        """Values at the sensors."""
        return Affine.of(self.space.basis(np.linspace(0, 1, int(self.parameters["sensors"]))))

    def collocate(self, counts: Mapping[str, int], random: np.random.Generator) -> Collocation:
        """Points anywhere and on the edge; those on the lid come last, and there is one at least. What holds at the
        other edges does so by the fields' form.
        """
        inside = uniform_points(counts["points"], random)
        edge = boundary_points(counts["boundary_points"], random)
        if not (edge[:, 1] == 1).any():
            edge[-1] = random.random(), 1
        on_lid = edge[:, 1] == 1
        points = np.concatenate([inside, edge[~on_lid], edge[on_lid]])
        return Collocation(points, len(points), {"lid": slice(len(points) - int(on_lid.sum()), len(points))})

    def giving(self, collocation: Collocation) -> Affine:
        """How the lid moves at its points."""
        return self.lid(collocation.points[collocation.conditions["lid"], 0])

    def lid(self, x: Values) -> Affine:
        """The lid's velocity at ``x`` (K,)."""
        shape = x * (1 - x)
        return Affine.of(self.space.basis(x) * shape / 10, shape)

    def solve(self, functions: Values, axes: Sequence[Values]) -> Values:
        """By finite differences on a staggered grid, see solvers/cavity.py."""
        x, y = axes
        if len(x) != len(y):
            raise ValueError(f"grid is {[len(x), len(y)]}; the cavity's has as many points along y as along x")

        def lid(places: Values) -> Values:
            shape = places * (1 - places)
            return (1 + functions @ self.space.basis(places) / 10) * shape

        return solve_cavity(lid, len(x), self.parameters["viscosity"])
