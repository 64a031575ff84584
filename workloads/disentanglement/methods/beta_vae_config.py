"""What can be set of beta_vae."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.disentanglement.config import Model as Shared


@dataclass
class Model(Shared):
    """``benchmark.model``."""

    beta: float
    """Weight of the Kullback-Leibler divergence; 1: a variational autoencoder."""
