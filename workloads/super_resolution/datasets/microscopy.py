"""microscopy: electron micrographs, and what a detector with larger pixels counts of them: cells' membranes as
published, or graphene simulated here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workloads.micrographs.graphene import draw_specimen
from workloads.micrographs.imaging import MARGIN, clean_image
from workloads.runtime.dataset import Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.runtime.samples.processes import process_pool
from workloads.super_resolution.datasets.base import FieldsDataset
from workloads.super_resolution.datasets.photographs import read_grey
from workloads.super_resolution.datasets.regions import Fields, Region

FOLDERS = {"training": "train/image", "evaluation": "test"}
"""Where a part's images are: 0.png, 1.png and so on, grey, of one size."""
IMAGES, PIXELS, WHITE = 30, 512, 255.0
"""Published images of each part, their height and width, and the brightest level."""


class MicroscopyDataset(FieldsDataset):
    """Patches of micrographs, 0 to 255. Their coarse images have the noise of the electrons that are counted."""

    SET = "microscopy"
    UNIT = "grey levels"
    MADE = "simulated"
    SHARED = (*FieldsDataset.SHARED, "dose")
    MADE_OF = ("pixels", "images", "evaluation_images")
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "membrane": Published(
            "super_resolution/membrane", None,
            "data/membrane of zhixuhao/unet: 60 slices of the ISBI challenge of 2012; mind its terms",
            page="github.com/zhixuhao/unet",
        )
    }  # fmt: skip

    @property
    def counts(self) -> dict[str, int]:
        """Images of each part."""
        if not self.is_stand_in:
            return dict.fromkeys(FOLDERS, IMAGES)
        return {"training": int(self.settings["images"]), "evaluation": int(self.settings["evaluation_images"])}

    @property
    def made_shape(self) -> tuple[int, int, int]:
        """All images."""
        pixels = int(self.settings["pixels"])
        return int(self.settings["images"]) + int(self.settings["evaluation_images"]), pixels, pixels

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Micrographs of graphene in the published form."""
        from PIL import Image

        seed, pixels = int(self.settings["seed"]), int(self.settings["pixels"])
        keys = [(seed, part, number) for part, name in enumerate(FOLDERS) for number in range(self.counts[name])]
        for folder in FOLDERS.values():
            (published / folder).mkdir(parents=True)
        folders = list(FOLDERS.values())
        with process_pool(min(workers, len(keys))) as pool:
            made = pool.map(make_micrograph, keys, [pixels] * len(keys))
            for done, ((_, part, number), image) in enumerate(zip(keys, made, strict=True), 1):
                Image.fromarray(image).save(published / folders[part] / f"{number}.png")
                progress(done, len(keys))

    def regions(self, published: Path, part: str) -> Iterator[Region]:
        """The part's images."""
        side = int(self.settings["pixels"]) if self.is_stand_in else PIXELS
        for number in range(self.counts[part]):
            path = published / FOLDERS[part] / f"{number}.png"
            if not path.is_file():
                raise DatasetError(f"{path} does not exist; expected {self.counts[part]} images from 0.png on")
            yield Region(read_grey(path, (side, side)))

    def detect(self, coarse: Fields, scale: int, random: np.random.Generator) -> Fields:
        """Counts of electrons in coarse pixels, as grey levels: a fine pixel of the brightest level gets ``dose`` of
        them on average, a coarse one as many as all fine pixels in it. No dose: no noise.
        """
        dose = self.settings["dose"]
        if dose is None:
            return coarse
        a_level = float(dose) * scale**2 / WHITE
        counts: Fields = (random.poisson(np.maximum(coarse, 0) * a_level) / a_level).astype(np.float32)
        return counts

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Read all of them."""
        done, total = 0, sum(self.counts.values())
        for part in FOLDERS:
            for _ in self.regions(published, part):
                done += 1
                progress(done, total)
        paths = [path for folder in FOLDERS.values() for path in (published / folder).glob("*.png")]
        return {"images": done, "bytes": sum(path.stat().st_size for path in paths)}


def make_micrograph(key: tuple[int, ...], pixels: int) -> NDArray[np.uint8]:
    """Graphene (pixels, pixels), 0 to 255, at 80 kV and 0.12 to 0.2 Å a pixel, which depends on the key alone."""
    random = np.random.default_rng(key)
    pixel_size = random.uniform(0.12, 0.2)
    atoms = draw_specimen((pixels + 2 * MARGIN) * pixel_size, random)
    image = clean_image(atoms, pixels, pixel_size, random.uniform(30, 80), random.uniform(5, 25))
    levels: NDArray[np.uint8] = np.rint(WHITE * image).astype(np.uint8)
    return levels
