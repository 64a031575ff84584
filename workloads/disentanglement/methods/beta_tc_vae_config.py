"""What can be set of beta_tc_vae."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.disentanglement.config import Variational


@dataclass
class Model(Variational):
    """``benchmark.model``."""

    beta: float
    """Weight of the total correlation; the rest of the divergence has weight one."""
