"""What can be set of digits."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.rotations import config


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``."""

    nines: bool
    """Whether there are nines, which a turned six is."""
