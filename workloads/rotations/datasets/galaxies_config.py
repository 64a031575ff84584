"""What can be set of galaxies."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.rotations import config

SIZES = {"64": 64, "224": 224}
"""Height and width of the images of the published versions; those made here have 64."""


@dataclass
class DatasetOptions(config.PosedOptions):
    """``benchmark.dataset``."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        config.require_divisor("pixels", self.pixels, SIZES.get(self.version, 64))
