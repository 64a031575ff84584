"""u_t - D u_xx + k u² = v(x)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from workloads.operators.derivatives import Derivatives
from workloads.operators.equations.base import Equation


class DiffusionReaction(Equation):
    """Boundary and start are left to the loss, unless conditions are hard."""

    def residuals(self, field: Derivatives, source: Tensor | None) -> list[Tensor]:
        """One equation."""
        assert source is not None
        linear = field.combine({(0, (0, 1)): 1.0, (0, (2, 0)): -self.parameters["diffusion"]})
        return [linear + self.parameters["reaction"] * field.values[0].square() - source]

    def envelope(self, points: Tensor) -> Sequence[Tensor] | None:
        """4 x (1 - x) t, if conditions are hard."""
        x, t = points.unbind(1)
        return [4 * x * (1 - x) * t] if self.hard else None
