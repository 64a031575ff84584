"""What can be set of proteins."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.rotations import config


@dataclass
class DatasetOptions(config.PosedOptions):
    """``benchmark.dataset``. ``seed`` draws the poses of the projections, too."""

    views: int
    """Projections of each volume."""
    molecules: int
    """Of what is made here, how many different ones there are."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        config.require_divisor("pixels", self.pixels, 64)
        for option in ("views", "molecules"):
            if getattr(self, option) < 1:
                raise ValueError(f"{option} is {getattr(self, option)}; expected 1 or more")
