"""What can be set of burgers."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates import config
from workloads.surrogates.config import require_positive


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``."""

    viscosity: float
    """Of data made here, in circumferences squared a second."""
    time_step: float
    """Of the solver, s."""

    @property
    def axes(self) -> int:
        """A circle."""
        return 1

    @property
    def periodic(self) -> bool:
        """The domain has no edge."""
        return True

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        require_positive("viscosity", self.viscosity)
        require_positive("time_step", self.time_step)
