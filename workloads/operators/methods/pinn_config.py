"""What can be set of pinn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workloads.operators import config

DRAWN_BY = ("source", "version", "seed", "functions", "evaluation_functions")
"""Options of a data set that decide which function is solved for."""


@dataclass
class Model(config.Model):
    """``benchmark.model``: ``widths`` are those of the hidden layers."""

    tiles: int
    """Equal parts of the points: they are the samples of a batch, and what ranks share."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        config.require_at_least("tiles", self.tiles, 1)

    @classmethod
    def solved(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """One function alone."""
        dataset = settings["dataset"]
        return super().solved(settings) | {f"dataset.{name}": dataset.get(name) for name in DRAWN_BY}
