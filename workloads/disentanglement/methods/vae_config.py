"""What can be set of vae."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.disentanglement.config import Variational


@dataclass
class Model(Variational):
    """``benchmark.model``."""

    beta: float
    """Weight of the Kullback-Leibler divergence: 1."""
