"""A thin plate (Kirchhoff and Love) under a load: w_xxxx + 2 w_xxyy + w_yyyy = q / D, simply supported at all edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from workloads.operators.problems.base import Affine, Collocation, Problem, uniform_points
from workloads.operators.problems.spaces import SineSeries, Values


class Plate(Problem):
    """The load is a sum of products of sines; a network sees its coefficients."""

    COORDINATES = ("x", "y")
    OUTPUTS = JUDGED = ("w",)
    SENSED = "coefficient"
    PARAMETERS = ("rigidity", "modes")

    @cached_property
    def space(self) -> SineSeries:
        """The loads."""
        return SineSeries(int(self.parameters["modes"]))

    @cached_property
    def sensing(self) -> Affine:
        """All coefficients."""
        return Affine.of(np.eye(self.space.size))

    def collocate(self, counts: Mapping[str, int], random: np.random.Generator) -> Collocation:
        """Points anywhere. The edge needs none: fields are zero there by their form."""
        return Collocation(uniform_points(counts["points"], random), counts["points"], {})

    def sourcing(self, collocation: Collocation) -> Affine:
        """The load over the rigidity."""
        return Affine.of(self.space.basis(collocation.points) / self.parameters["rigidity"])

    def solve(self, functions: Values, axes: Sequence[Values]) -> Values:
        """Exactly: a_mn sin sin deflects the plate by a_mn / (D π⁴ (m² + n²)²) sin sin (Navier)."""
        squares = np.arange(1, self.space.modes + 1) ** 2
        stiffness = self.parameters["rigidity"] * np.pi**4 * (squares[:, None] + squares).ravel() ** 2
        x, y = np.meshgrid(*axes, indexing="ij")
        values = (functions / stiffness) @ self.space.basis(np.stack([x.ravel(), y.ravel()], axis=1))
        return values.reshape(len(functions), 1, *x.shape)
