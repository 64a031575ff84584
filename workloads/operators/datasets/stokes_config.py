"""What can be set of stokes."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.operators import config


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``."""

    boundary_points: int
    """Points on all four edges; about a quarter of them is on the lid."""
    viscosity: float
    """μ of the equation."""
    length_scale: float
    """Over which the lid's velocity is disturbed, in lengths of the lid."""
    nodes: int
    """Equidistant values that stand for a disturbance."""
    sensors: int
    """Equidistant values that the network sees of it."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        config.require_positive("viscosity", self.viscosity)
        config.require_positive("length_scale", self.length_scale)
        config.require_at_least("boundary_points", self.boundary_points, 16)
        config.require_at_least("nodes", self.nodes, 5)
        config.require_at_least("sensors", self.sensors, 2)
        if self.grid[0] != self.grid[1]:
            raise ValueError(f"grid is {self.grid}; the cavity's has as many points along y as along x")
