"""What can be set of group_cnn."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.rotations import config


@dataclass
class Model(config.Model):
    """``benchmark.model``."""

    group: str
    """"C4" or "D4", exact on the grid of pixels, or "C8", "C16", "D8", "D16" by filters on a ring basis."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        config.require_one_of("group", self.group, config.GROUPS)
