"""μ Δ(u, v) = ∇p, u_x + v_y = 0."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from workloads.operators.constants import Constant
from workloads.operators.derivatives import Derivatives
from workloads.operators.equations.base import Equation

U, V, P = 0, 1, 2
WAVES = 9


class Stokes(Equation):
    """Second order. The walls stand still and, as published, the pressure is 0 on the bottom, by the fields' form; how
    the lid moves is left to the loss, unless conditions are hard. Then u is what the network finds and the lid's
    velocity times 3 y² - 2 y, by which as much flows back as forth.
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
        """u is 0 at all walls but the lid, v at all, p on the bottom; if conditions are hard, u at the lid, too."""
        x, y = points.unbind(1)
        inside = x * (1 - x) * y
        return [inside * (1 - y) if self.hard else inside, inside * (1 - y), y]

    def given(self, sensors: Tensor) -> Tensor | None:
        """1, and a tenth of the coefficients of the waves that the lid's disturbance is made of, by least squares."""
        if not self.hard:
            return None
        fitted = self.fitted.like(sensors)
        return torch.cat([torch.ones_like(sensors[:, :1]), sensors @ fitted.T / 10], dim=1)

    @functools.cached_property
    def fitted(self) -> Constant:
        """What makes the waves' coefficients of values at the sensors, (2 · WAVES, S), computed in double precision."""

        def make() -> Tensor:
            sensed = waves(torch.linspace(0, 1, int(self.parameters["sensors"]), dtype=torch.float64))
            inverse: Tensor = torch.linalg.pinv(sensed, rtol=1e-6)
            return inverse

        return Constant(make)

    def modes(self, points: Tensor) -> Tensor:
        """1 and the waves, times x (1 - x) (3 y² - 2 y)."""
        x, y = points.unbind(1)
        shape = x * (1 - x) * y * (3 * y - 2)
        return torch.cat([torch.ones_like(points[:, :1]), waves(x)], dim=1) * shape[:, None]


def waves(x: Tensor) -> Tensor:
    """Cosines and sines of half the domain's waves at places (P,), (P, 2 · WAVES): what is smooth within the domain is
    made of them, periodic or not.
    """
    angles = math.pi * x[:, None] * torch.arange(WAVES, device=x.device, dtype=x.dtype)
    return torch.cat([angles.cos(), angles.sin()], dim=1)
