"""What can be set of info_gan."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.disentanglement.config import Model as Shared


@dataclass
class Model(Shared):
    """``benchmark.model``."""

    further: int
    """Numbers beside the codes that images are made of and that nobody reads back."""
    information: float
    """Weight of the codes' being read back."""
