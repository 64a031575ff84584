"""astronomy: the brightness of the Hubble Deep Field as scikit-image has it, or of an invented deep field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from workloads.runtime.dataset import Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.super_resolution.datasets.base import FieldsDataset
from workloads.super_resolution.datasets.photographs import read_grey
from workloads.super_resolution.datasets.regions import Fields, Region, stripes
from workloads.super_resolution.making.sky import make_sky

FILE, SHAPE = "hubble_deep_field.jpg", (872, 1000)
BLOCKS, EVALUATED = 5, (2,)
"""Stripes of columns, and the one that quality is measured on."""


class AstronomyDataset(FieldsDataset):
    """Patches of one exposure, 0 to 255."""

    SET = "astronomy"
    UNIT = "grey levels"
    MADE = "invented"
    MADE_OF = ("rows", "columns")
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "hubble": Published(
            "super_resolution/hubble", 527_940,
            "hubble_deep_field.jpg, in the folder skimage/data of the package scikit-image; NASA, public domain",
            page="github.com/scikit-image/scikit-image",
        )
    }  # fmt: skip

    @property
    def made_shape(self) -> tuple[int, int, int]:
        """One exposure."""
        return 1, int(self.settings["rows"]), int(self.settings["columns"])

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Write the invented sky in the published form."""
        from PIL import Image

        sky = make_sky(*self.made_shape[1:], np.random.default_rng(self.settings["seed"]))
        Image.fromarray(sky).save(published / FILE, quality=95)
        progress(1, 1)

    def read(self, published: Path) -> Fields:
        """The exposure. Raises DatasetError."""
        path = published / FILE
        if not path.is_file():
            raise DatasetError(
                f"{path} does not exist: the package scikit-image has it in skimage/data; "
                "say benchmark.download.folder=FOLDER"
            )
        return read_grey(path, self.made_shape[1:] if self.is_stand_in else SHAPE)

    def regions(self, published: Path, part: str) -> Iterator[Region]:
        """The part's stripes."""
        return stripes(Region(self.read(published)), BLOCKS, EVALUATED, part)

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Read it."""
        image = self.read(published)
        progress(1, 1)
        return {"rows": len(image), "columns": image.shape[1], "bytes": (published / FILE).stat().st_size}
