"""What can be set of ib_gan."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.disentanglement.config import Model as Shared


@dataclass
class Model(Shared):
    """``benchmark.model``."""

    source: int
    """Normal numbers that an image is made of, by way of its codes."""
    beta: float
    """Weight of what the codes say of them."""
