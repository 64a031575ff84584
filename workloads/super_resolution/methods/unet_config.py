"""What can be set of unet."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.super_resolution.config import BOUNDARIES, Network, require_one_of


@dataclass
class Model(Network):
    """``benchmark.model``."""

    width: int
    """Channels at full size, twice as many at each half of it."""
    depth: int
    """How often the size is halved."""
    boundary: str
    """What convolutions do at the image's boundary: "zero", "reflect", "replicate", "circular", "partial" or
    "padding_free" (see boundaries.py)."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        require_one_of("boundary", self.boundary, BOUNDARIES)
