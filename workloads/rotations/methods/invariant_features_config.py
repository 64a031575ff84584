"""What can be set of invariant_features."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.rotations import config


@dataclass
class Model(config.Model):
    """``benchmark.model``. The networks' fields, kernels and halves mean nothing here."""

    rings: int
    """Rings around the middle that an image is measured in."""
    frequencies: int
    """Angular frequencies, from 0 on."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        if self.rings < 1:
            raise ValueError(f"rings is {self.rings}; expected 1 or more")
        if self.frequencies < 2:
            raise ValueError(f"frequencies is {self.frequencies}; expected 2 or more")
