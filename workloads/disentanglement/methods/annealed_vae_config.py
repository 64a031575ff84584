"""What can be set of annealed_vae."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.disentanglement.config import Variational


@dataclass
class Model(Variational):
    """``benchmark.model``."""

    gamma: float
    """Weight of the distance between divergence and capacity."""
    capacity: float
    """What the capacity rises to, nat."""
    rise: float
    """Share of the training in which it rises; then it stays."""
