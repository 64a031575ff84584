"""What can be set of navier_stokes."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates import config
from workloads.surrogates.config import require_more, require_positive


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``."""

    viscosity: float
    """Of data made here, in sides of the square squared a second."""
    time_step: float
    """Of the solver, s, at most."""
    amplitude: float
    """Of the first vorticity of data made here, times what the paper states; its public generator has 7^(3/4)."""
    given: int
    """Frames that the surrogate is given."""
    seconds: int
    """Frames of each sample, one a second: those given, and those that follow."""

    @property
    def periodic(self) -> bool:
        """The domain has no edge."""
        return True

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        require_positive("viscosity", self.viscosity)
        require_positive("time_step", self.time_step)
        require_positive("amplitude", self.amplitude)
        require_more("given", self.given, 1)
        require_more("seconds", self.seconds, self.given + 1)
