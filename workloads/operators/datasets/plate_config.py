"""What can be set of plate."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.operators import config


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``."""

    rigidity: float
    """D of the equation."""
    modes: int
    """Half waves of the loads along each side, at most: a load has as many coefficients as their square."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        config.require_positive("rigidity", self.rigidity)
        config.require_at_least("modes", self.modes, 1)
