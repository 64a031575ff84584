"""What can be set of factor_vae."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.disentanglement.config import Variational


@dataclass
class Model(Variational):
    """``benchmark.model``."""

    gamma: float
    """Weight of the total correlation beside the divergence's own."""
    hidden: int
    """Units of each of the discriminator's six hidden layers."""
