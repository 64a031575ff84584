"""climate: sea surface temperature of the ocean model NEMO, as the package iris-sample-data has it, or of an invented
planet. There is none on land.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np

from workloads.runtime.dataset import Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.super_resolution.datasets.base import FieldsDataset
from workloads.super_resolution.datasets.netcdf import read_netcdf4
from workloads.super_resolution.datasets.regions import Fields, Region, stripes
from workloads.super_resolution.making.ocean import make_seas

MONTHS = ("20150101-20150201", "20150201-20150301", "20150301-20150401")
FILES = tuple(f"nemo_1m_{month}_grid-T.nc" for month in MONTHS)
"""NetCDF 4: ``tos`` (1, 330, 360) float32, °C, with a fill value on land."""
KEY, SHAPE, FILL = "tos", (330, 360), 1e20
BLOCKS, EVALUATED = 5, (2,)
"""Stripes of longitude, and the one that quality is measured on, in all months."""


class ClimateDataset(FieldsDataset):
    """Patches of a month's mean; cells of one degree at the equator in the published files."""

    SET = "climate"
    UNIT = "°C"
    MADE = "invented"
    MADE_OF = ("rows", "columns")
    MASKED = True
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "nemo": Published(
            "super_resolution/iris-sample-data", 4_229_364,
            "the three files of sample_data/NEMO in the package iris-sample-data 2.5.2 (Open Government Licence)",
            page="github.com/SciTools/iris-sample-data",
        )
    }  # fmt: skip

    @property
    def made_shape(self) -> tuple[int, int, int]:
        """As many months as are published."""
        return len(FILES), int(self.settings["rows"]), int(self.settings["columns"])

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Write the invented planet's seas in the published form."""
        fields = make_seas(*self.made_shape, np.random.default_rng(self.settings["seed"]))
        for done, (name, field) in enumerate(zip(FILES, fields, strict=True), 1):
            with h5py.File(published / name, "w", locking=False) as file:
                stored = file.create_dataset(KEY, data=np.nan_to_num(field, nan=FILL)[None], track_times=False)
                stored.attrs.update(_FillValue=np.array([FILL], np.float32), units=np.bytes_("degree_C"))
            progress(done, len(FILES))

    def read(self, path: Path) -> Fields:
        """A month (rows, columns), °C, NaN on land. Raises DatasetError."""
        if not path.is_file():
            raise DatasetError(
                f"{path} does not exist: the package iris-sample-data has it in sample_data/NEMO; "
                "say benchmark.download.folder=FOLDER"
            )
        field = read_netcdf4(path, KEY)
        expected = (1, *(self.made_shape[1:] if self.is_stand_in else SHAPE))
        if field.shape != expected:
            raise DatasetError(f"{path}: {KEY!r} has shape {field.shape}; expected {expected}")
        month: Fields = field[0]
        return month

    def regions(self, published: Path, part: str) -> Iterator[Region]:
        """The part's stripes of all months."""
        for name in FILES:
            field = self.read(published / name)
            yield from stripes(Region(field, np.isfinite(field)), BLOCKS, EVALUATED, part)

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Read all of it."""
        seas = 0
        for done, name in enumerate(FILES, 1):
            seas += int(np.isfinite(self.read(published / name)).sum())
            progress(done, len(FILES))
        return {"months": len(FILES), "values": seas, "bytes": sum((published / name).stat().st_size for name in FILES)}
