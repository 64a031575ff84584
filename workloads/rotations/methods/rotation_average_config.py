"""What can be set of rotation_average."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.rotations import config


@dataclass
class Model(config.Model):
    """``benchmark.model``."""

    angles: int
    """How many turns of an image, equally far apart, the answer is the mean over."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        if self.angles < 1:
            raise ValueError(f"angles is {self.angles}; expected 1 or more")
