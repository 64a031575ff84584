"""What can be set of topography."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.super_resolution import config


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``. What this adds describes data made here alone."""

    rows: int
    """Latitudes of the invented planet, poles included; the published file has 2161."""
    columns: int
    """Its longitudes; the published file has 4320."""
