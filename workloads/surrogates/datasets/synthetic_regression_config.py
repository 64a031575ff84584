"""What can be set of synthetic_regression."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates.config import SimulatedOptions, require_more


@dataclass
class DatasetOptions(SimulatedOptions):
    """``benchmark.dataset``."""

    numbers: int
    """Of an input."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        require_more("numbers", self.numbers, 1)
