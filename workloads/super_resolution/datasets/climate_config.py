"""What can be set of climate."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.super_resolution import config


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``. What this adds describes data made here alone."""

    rows: int
    """Latitudes of the invented planet; the published files have 330."""
    columns: int
    """Its longitudes; the published files have 360."""
