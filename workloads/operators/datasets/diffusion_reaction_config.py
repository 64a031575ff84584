"""What can be set of diffusion_reaction."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workloads.operators import config


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``."""

    boundary_points: int
    """Points at both ends in x."""
    initial_points: int
    """Points at the start."""
    diffusion: float
    """D of the equation."""
    reaction: float
    """k of the equation."""
    length_scale: float
    """Over which the sources change, in lengths of the domain."""
    nodes: int
    """Equidistant values that stand for a source."""
    sensors: int
    """Equidistant values that the network sees of it."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        for option in ("boundary_points", "initial_points", "diffusion", "length_scale"):
            config.require_positive(option, getattr(self, option))
        if not math.isfinite(self.reaction):
            raise ValueError(f"reaction is {self.reaction}; expected a number")
        config.require_at_least("nodes", self.nodes, 5)
        config.require_at_least("sensors", self.sensors, 2)
