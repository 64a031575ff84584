"""What can be set of radio_galaxies."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.rotations import config

WHOLE = 150
"""Height and width of the published images."""


@dataclass
class DatasetOptions(config.PosedOptions):
    """``benchmark.dataset``."""

    crop: int
    """Height and width of the middle that is kept of 150 x 150 pixels: an even number."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        if self.crop % 2 or not 2 <= self.crop <= WHOLE:
            raise ValueError(f"crop is {self.crop}; expected an even number from 2 to {WHOLE}")
        config.require_divisor("pixels", self.pixels, self.crop)
