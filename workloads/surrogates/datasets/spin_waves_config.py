"""What can be set of spin_waves."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates.config import SimulatedOptions, require_more, require_positive


@dataclass
class DatasetOptions(SimulatedOptions):
    """``benchmark.dataset``."""

    energies: int
    """Rows of a frame."""
    waves: int
    """Columns of a frame."""
    resolution: float
    """Standard deviation of what an instrument spreads an energy by, meV."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        require_more("energies", self.energies, 4)
        require_more("waves", self.waves, 4)
        require_positive("resolution", self.resolution)
