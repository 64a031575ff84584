"""What can be set of kdv."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.operators import config


@dataclass
class DatasetOptions(config.PeriodicOptions):
    """``benchmark.dataset``."""

    dispersion: float
    """ε of the equation."""
    viscosity: float
    """ν of the equation; 0 is the equation of Korteweg and de Vries, more that of theirs and Burgers'."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        config.require_positive("dispersion", self.dispersion)
        config.require_none_or_more("viscosity", self.viscosity)
