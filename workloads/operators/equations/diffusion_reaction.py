"""u_t - D u_xx + k u² = v(x)."""

from __future__ import annotations

from torch import Tensor

from workloads.operators.derivatives import Derivatives
from workloads.operators.equations.base import Equation


class DiffusionReaction(Equation):
    """Boundary and start are left to the loss."""

    def residuals(self, field: Derivatives, source: Tensor | None) -> list[Tensor]:
        """One equation."""
        assert source is not None
        linear = field.combine({(0, (0, 1)): 1.0, (0, (2, 0)): -self.parameters["diffusion"]})
        return [linear + self.parameters["reaction"] * field.values[0].square() - source]
