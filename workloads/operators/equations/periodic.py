"""u_t + u u_x = ν u_xx and u_t + u u_x + ε u_xxx = ν u_xx on a circle."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from workloads.operators.derivatives import Derivatives
from workloads.operators.equations.base import Equation


class PeriodicEquation(Equation):
    """The network sees x by its first two waves, so that its fields are periodic; what they begin with is left to the
    loss, unless conditions are hard. Then fields are u(x, 0) + t times what the network finds.
    """

    FEATURES = 5

    def features(self, points: Tensor) -> Tensor:
        """Cosine and sine of 2 π x and of 4 π x, and t."""
        x, t = (2 * math.pi * points[:, 0]), points[:, 1]
        return torch.stack([x.cos(), x.sin(), (2 * x).cos(), (2 * x).sin(), t], dim=1)

    def envelope(self, points: Tensor) -> Sequence[Tensor] | None:
        """t, if conditions are hard."""
        return [points[:, 1]] if self.hard else None

    def given(self, sensors: Tensor) -> Tensor | None:
        """The Fourier coefficients of the initial values: of all cosines, then of all sines."""
        if not self.hard:
            return None
        nodes = torch.arange(sensors.shape[1], device=sensors.device, dtype=sensors.dtype) / sensors.shape[1]
        return sensors @ self.waves(nodes) * (2 / len(nodes))

    def modes(self, points: Tensor) -> Tensor:
        """The waves, whatever the time."""
        return self.waves(points[:, 0])

    def waves(self, x: Tensor) -> Tensor:
        """Cosines and sines at places (P,) of as many waves as the initial values have, (P, 2 · waves)."""
        numbers = torch.arange(1, int(self.parameters["waves"]) + 1, device=x.device, dtype=x.dtype)
        angles = 2 * math.pi * x[:, None] * numbers
        return torch.cat([angles.cos(), angles.sin()], dim=1)


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
        viscosity, dispersion = self.parameters["viscosity"], self.parameters["dispersion"]
        linear = field.combine({(0, (0, 1)): 1.0, (0, (2, 0)): -viscosity, (0, (3, 0)): dispersion})
        return [linear + field.values[0] * field.combine({(0, (1, 0)): 1.0})]
