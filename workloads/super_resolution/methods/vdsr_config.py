"""What can be set of vdsr."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.super_resolution.config import Network


@dataclass
class Model(Network):
    """``benchmark.model``."""

    layers: int
    """Convolutions; 20 as published."""
    width: int
    """Channels between them; 64 as published."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        if self.layers < 2:
            raise ValueError(f"layers is {self.layers}; expected 2 or more: the first and the last")
