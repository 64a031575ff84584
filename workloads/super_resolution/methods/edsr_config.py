"""What can be set of edsr."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.super_resolution.config import Network


@dataclass
class Model(Network):
    """``benchmark.model``."""

    blocks: int
    """Residual blocks; 16 in the published baseline."""
    width: int
    """Channels of each; 64 in the published baseline."""
