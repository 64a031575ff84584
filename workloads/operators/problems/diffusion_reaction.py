"""Diffusion and reaction under a source: u_t = D u_xx - k u² + v(x), u = 0 at first and at both ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from workloads.operators.problems.base import Affine, Collocation, Problem, uniform_points
from workloads.operators.problems.spaces import GaussianField, Values
from workloads.operators.solvers.reaction import solve_reaction


class DiffusionReaction(Problem):
    """The source v is a Gaussian process; a network sees its values at equidistant sensors."""

    COORDINATES = ("x", "t")
    PARAMETERS = ("diffusion", "reaction", "length_scale", "nodes", "sensors")
    POINTS = ("points", "boundary_points", "initial_points")

    @cached_property
    def space(self) -> GaussianField:
        """The sources."""
        return GaussianField(self.parameters["length_scale"], int(self.parameters["nodes"]))

    @cached_property
    def sensing(self) -> Affine:
        """Values at the sensors."""
        return Affine.of(self.space.basis(np.linspace(0, 1, int(self.parameters["sensors"]))))

    def collocate(self, counts: Mapping[str, int], random: np.random.Generator) -> Collocation:
        """The equation is to hold on the boundary and at first, too, as in the published code."""
        inside, boundary, initial = (counts[name] for name in self.POINTS)
        points = uniform_points(inside + boundary + initial, random)
        sides, first = slice(inside, inside + boundary), slice(inside + boundary, len(points))
        points[sides, 0] = random.integers(0, 2, boundary)
        points[first, 1] = 0
        return Collocation(points, len(points), {"boundary": sides, "initial": first})

    def sourcing(self, collocation: Collocation) -> Affine:
        """The source at the points."""
        return Affine.of(self.space.basis(collocation.points[: collocation.residual, 0]))

    def solve(self, functions: Values, axes: Sequence[Values]) -> Values:
        """By finite differences, see solvers/reaction.py."""

        def source(nodes: Values) -> Values:
            return functions @ self.space.basis(nodes)

        x, t = axes
        return solve_reaction(source, x, t, self.parameters["diffusion"], self.parameters["reaction"])[:, None]
