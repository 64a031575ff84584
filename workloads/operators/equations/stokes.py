"""μ Δ(u, v) = ∇p, u_x + v_y = 0."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from workloads.operators.derivatives import Derivatives
from workloads.operators.equations.base import Equation

U, V, P = 0, 1, 2


class Stokes(Equation):
    """Second order. The walls stand still and, as published, the pressure is 0 on the bottom, by the fields' form; how
    the lid moves is left to the loss.
    """

    def residuals(self, field: Derivatives, source: Tensor | None) -> list[Tensor]:
        """Both components of the momentum, and the mass."""
        viscosity = self.parameters["viscosity"]
        return [
            field.combine({(U, (2, 0)): viscosity, (U, (0, 2)): viscosity, (P, (1, 0)): -1.0}),
            field.combine({(V, (2, 0)): viscosity, (V, (0, 2)): viscosity, (P, (0, 1)): -1.0}),
            field.combine({(U, (1, 0)): 1.0, (V, (0, 1)): 1.0}),
        ]

    def envelope(self, points: Tensor) -> Sequence[Tensor]:
        """u is 0 at all walls but the lid, v at all, p on the bottom."""
        x, y = points.unbind(1)
        sides = x * (1 - x)
        return [sides * y, sides * y * (1 - y), y]
