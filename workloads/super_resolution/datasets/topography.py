"""topography: the relief of the Earth, of ETOPO5 or of tiles of ETOPO 2022, or that of an invented planet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy.io import netcdf_file

from workloads.runtime.dataset import Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.super_resolution.datasets.base import FieldsDataset
from workloads.super_resolution.datasets.netcdf import read_netcdf3
from workloads.super_resolution.datasets.regions import Fields, Region, stripes
from workloads.super_resolution.datasets.tiles import SIZE, read_tile, tiles_in, tiles_of
from workloads.super_resolution.making.relief import make_relief

FILE = "etopo5.cdf"
"""NetCDF 3: ``ROSE`` (latitudes, longitudes) float32, m above the sea, with ``ETOPO05_X`` and ``ETOPO05_Y``."""
KEY, LONGITUDE, LATITUDE = "ROSE", "ETOPO05_X", "ETOPO05_Y"
SHAPE = (2161, 4320)
"""Latitudes and longitudes of the published file."""
BLOCKS, EVALUATED = 12, (3, 9)
"""Stripes of longitude that the globe is cut into, and those that quality is measured on."""
TILED = "etopo2022"
"""The version that comes in tiles."""
RELIEF = 50.0
"""Least difference of heights in a patch, m: sea floor that is drawn as flat has nothing to resolve."""


class TopographyDataset(FieldsDataset):
    """Patches of latitude and longitude, cells of five arc minutes, or of fifteen arc seconds in tiles."""

    SET = "topography"
    UNIT = "m"
    MADE = "invented"
    MADE_OF = ("rows", "columns")
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "etopo5": Published(
            "super_resolution/ferret-datasets", 37_394_632,
            "etopo5.cdf, which Debian's package ferret-datasets puts into /usr/share/ferret-vis/data; public domain",
            page="ferret.pmel.noaa.gov/Ferret",
        ),
        TILED: Published(
            "super_resolution/etopo2022", None,
            "tiles ETOPO_2022_v1_15s_*_surface.tif of 288, as many as wanted; 3600 x 3600 cells each; public domain",
            page="www.ncei.noaa.gov/products/etopo-global-relief-model",
        ),
    }  # fmt: skip

    @property
    def is_tiled(self) -> bool:
        """Whether it is of tiles."""
        return not self.is_stand_in and bool(self.settings["version"] == TILED)

    @property
    def made_shape(self) -> tuple[int, int, int]:
        """One planet."""
        return 1, int(self.settings["rows"]), int(self.settings["columns"])

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Write the invented planet's relief in the published form."""
        _, rows, columns = self.made_shape
        relief = make_relief(rows, columns, np.random.default_rng(self.settings["seed"]))
        with netcdf_file(published / FILE, "w") as file:
            axes = {LATITUDE: np.linspace(-90, 90, rows), LONGITUDE: np.arange(columns) * 360 / columns}
            for name, values in axes.items():
                file.createDimension(name, len(values))
                file.createVariable(name, "f8", (name,))[:] = values
            file.createVariable(KEY, "f4", (LATITUDE, LONGITUDE))[:] = relief
        progress(1, 1)

    def read(self, published: Path) -> Fields:
        """The whole relief (rows, columns), m. Raises DatasetError."""
        path = published / FILE
        if not path.is_file():
            raise DatasetError(
                f"{path} does not exist: Debian's package ferret-datasets has it in /usr/share/ferret-vis/data; "
                "say benchmark.download.folder=FOLDER"
            )
        relief = read_netcdf3(path, KEY)
        expected = self.made_shape[1:] if self.is_stand_in else SHAPE
        if relief.shape != expected:
            raise DatasetError(f"{path}: {KEY!r} has shape {relief.shape}; expected {expected}")
        if not np.isfinite(relief).all():
            raise DatasetError(f"{path}: {KEY!r} has {int((~np.isfinite(relief)).sum())} missing values; expected none")
        return relief

    def regions(self, published: Path, part: str) -> Iterator[Region]:
        """The part's stripes, from pole to pole, or the tiles in them."""
        if self.is_tiled:
            return (Region(read_tile(tile)) for tile in tiles_of(published, BLOCKS, EVALUATED, part))
        return stripes(Region(self.read(published)), BLOCKS, EVALUATED, part)

    def is_worth(self, patch: Region) -> bool:
        """Whether it has relief."""
        return float(np.ptp(patch.values)) > RELIEF

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Read all of it."""
        if self.is_tiled:
            tiles = tiles_in(published)
            for done, tile in enumerate(tiles, start=1):
                read_tile(tile)
                progress(done, len(tiles))
            return {"tiles": len(tiles), "cells": len(tiles) * SIZE**2}
        relief = self.read(published)
        progress(1, 1)
        return {"latitudes": len(relief), "longitudes": relief.shape[1], "bytes": (published / FILE).stat().st_size}
