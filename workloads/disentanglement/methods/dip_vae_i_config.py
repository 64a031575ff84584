"""What can be set of dip_vae_i."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.disentanglement.config import Variational


@dataclass
class Model(Variational):
    """``benchmark.model``."""

    off_diagonal: float
    """Weight of the covariances between codes."""
    diagonal: float
    """Weight of the variances' distance from one."""
