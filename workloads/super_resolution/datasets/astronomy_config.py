"""What can be set of astronomy."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.super_resolution import config


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``. What this adds describes data made here alone."""

    rows: int
    """Pixels of the invented sky from top to bottom; the published image has 872."""
    columns: int
    """Pixels from left to right; the published image has 1000."""
