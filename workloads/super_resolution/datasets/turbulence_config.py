"""What can be set of turbulence."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.super_resolution import config


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``."""

    points: int
    """Grid points along each side of the simulated square."""
    flows: int
    """Flows to train on."""
    evaluation_flows: int
    """Flows that quality is measured on."""
    times: int
    """Fields that are kept of each flow."""
    interval: float
    """Time between them, in turnover times of the largest eddies."""
    viscosity: float
    """In units of their size and speed; the inverse of a Reynolds number."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        if self.source == "real":
            raise ValueError("source is 'real', but nothing is published of turbulence; its fields are simulated here")
        if self.points < max(self.patch, self.evaluation_patch):
            raise ValueError(f"points is {self.points}; patches cannot be larger than the field")
