"""u_t + u u_x = ν u_xx and u_t + u u_x + ε u_xxx = 0 on a circle."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workloads.operators.derivatives import Derivatives
from workloads.operators.equations.base import Equation


class PeriodicEquation(Equation):
    """The network sees x by its first two waves, so that its fields are periodic; what they begin with is left to the
    loss.
    """

    FEATURES = 5

    def features(self, points: Tensor) -> Tensor:
        """Cosine and sine of 2 π x and of 4 π x, and t."""
        x, t = (2 * math.pi * points[:, 0]), points[:, 1]
        return torch.stack([x.cos(), x.sin(), (2 * x).cos(), (2 * x).sin(), t], dim=1)


class Burgers(PeriodicEquation):
    """Second order."""

    def residuals(self, field: Derivatives, source: Tensor | None) -> list[Tensor]:
        """One equation."""
        linear = field.combine({(0, (0, 1)): 1.0, (0, (2, 0)): -self.parameters["viscosity"]})
        return [linear + field.values[0] * field.combine({(0, (1, 0)): 1.0})]


class KortewegDeVries(PeriodicEquation):
    """Third order."""

    def residuals(self, field: Derivatives, source: Tensor | None) -> list[Tensor]:
        """One equation."""
        linear = field.combine({(0, (0, 1)): 1.0, (0, (3, 0)): self.parameters["dispersion"]})
        return [linear + field.values[0] * field.combine({(0, (1, 0)): 1.0})]
