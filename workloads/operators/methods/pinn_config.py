"""What can be set of pinn."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.operators import config


@dataclass
class Model(config.Model):
    """``benchmark.model``: ``widths`` are those of the hidden layers."""

    tiles: int
    """Equal parts of the points: they are the samples of a batch, and what ranks share."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        config.require_at_least("tiles", self.tiles, 1)
