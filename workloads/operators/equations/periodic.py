"""u_t + u u_x = ν u_xx and u_t + u u_x + ε u_xxx = 0 on a circle."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from workloads.operators.derivatives import Derivatives
from workloads.operators.equations.base import Equation


class PeriodicEquation(Equation):
    """The network sees x by its first two waves, so that its fields are periodic; what they begin with is left to the
    loss, unless conditions are hard. Then fields are what the equation without u u_x makes of the initial values, and t
    times what the network finds.
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
        x = torch.arange(sensors.shape[1]).to(sensors) / sensors.shape[1]
        first = torch.stack([x, torch.zeros_like(x)], dim=1)
        return sensors @ self.modes(first) * (2 / len(x))

    def modes(self, points: Tensor) -> Tensor:
        """As many waves as the initial values have (P, 2 · waves), which wear off and turn."""
        x, t = points[:, :1], points[:, 1:]
        numbers = 2 * math.pi * torch.arange(1, int(self.parameters["waves"]) + 1).to(x)
        decay, turn = self.linear(numbers)
        angles, left = numbers * x + turn * t, (-decay * t).exp()
        return torch.cat([left * angles.cos(), left * angles.sin()], dim=1)

    @abstractmethod
    def linear(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """How fast waves exp(i k x) of ``numbers`` k (K,) wear off and turn where u u_x is left out, (K,) each."""


class Burgers(PeriodicEquation):
    """Second order."""

    def residuals(self, field: Derivatives, source: Tensor | None) -> list[Tensor]:
        """One equation."""
        linear = field.combine({(0, (0, 1)): 1.0, (0, (2, 0)): -self.parameters["viscosity"]})
        return [linear + field.values[0] * field.combine({(0, (1, 0)): 1.0})]

    def linear(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """ν k², and not at all."""
        return self.parameters["viscosity"] * numbers**2, torch.zeros_like(numbers)


class KortewegDeVries(PeriodicEquation):
    """Third order."""

    def residuals(self, field: Derivatives, source: Tensor | None) -> list[Tensor]:
        """One equation."""
        linear = field.combine({(0, (0, 1)): 1.0, (0, (3, 0)): self.parameters["dispersion"]})
        return [linear + field.values[0] * field.combine({(0, (1, 0)): 1.0})]

    def linear(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Not at all, and ε k³."""
        return torch.zeros_like(numbers), self.parameters["dispersion"] * numbers**3
