"""What can be set of burgers."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.operators import config


@dataclass
class DatasetOptions(config.PeriodicOptions):
    """``benchmark.dataset``."""

    viscosity: float
    """ν of the equation."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        config.require_positive("viscosity", self.viscosity)
