"""galaxies: four kinds of galaxies as GalaxyMNIST has them, in colour."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np

from workloads.rotations.datasets.base import ImagesDataset, Labelled, averaged, validated
from workloads.rotations.datasets.galaxies_config import SIZES
from workloads.rotations.making.each import draw_each
from workloads.rotations.making.galaxies import KINDS, PIXELS, draw_galaxy
from workloads.runtime.dataset import Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published

FILES = {"training": "train_dataset.hdf5", "evaluation": "test_dataset.hdf5"}
"""By part: ``images`` (n, h, w, 3) uint8 and ``labels`` (n,); compressed by gzip as they are published, or not."""
ONE_TESTS = 5
"""Of so many images of a kind one is in the test file, as published."""


class GalaxiesDataset(ImagesDataset):
    """Galaxies in the middle of an image of red, green and blue."""

    SET = "galaxies"
    MADE = "drawn"
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        version: Published(
            f"rotations/galaxy_mnist-{version}", None,
            f"train_dataset.hdf5.gz and test_dataset.hdf5.gz, 8,000 and 2,000 images of {size} x {size} pixels",
            page="github.com/mwalmsley/galaxy_mnist",
        )
        for version, size in SIZES.items()
    }  # fmt: skip

    @property
    def shape(self) -> tuple[int, int, int]:
        """Red, green and blue."""
        pixels = int(self.settings["pixels"])
        return 3, pixels, pixels

    def classes_of(self, published: Path) -> list[str]:
        """The kinds."""
        return [kind.replace("_", " ") for kind in KINDS]

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Drawn galaxies of all kinds in turn, in both files."""
        kinds = np.arange(self.settings["images"]) % len(KINDS)
        images = draw_each(draw_galaxy, kinds, int(self.settings["seed"]), progress, workers)
        is_test = np.arange(len(kinds)) // len(KINDS) % ONE_TESTS == ONE_TESTS - 1
        for part, chosen in (("training", ~is_test), ("evaluation", is_test)):
            with h5py.File(published / FILES[part], "w", locking=False) as file:
                file.create_dataset("images", data=images[chosen])
                file.create_dataset("labels", data=kinds[chosen])

    def parts_of(self, published: Path, progress: Progress = tell_nobody, workers: int = 1) -> dict[str, Labelled]:
        """As published: a file to train on, and one to test. Raises DatasetError."""
        found = {part: self.read(published / name) for part, name in FILES.items()}
        return found if self.settings["split"] == "test" else validated(found["training"])

    def read(self, path: Path) -> Labelled:
        """The galaxies of a file. Raises DatasetError."""
        images, labels = read_file(path)
        size = PIXELS if self.is_stand_in else SIZES[str(self.settings["version"])]
        if images.shape[1:] != (size, size, 3) or images.dtype != np.uint8:
            raise DatasetError(
                f"{path}: 'images' is {images.shape} {images.dtype}; expected (n, {size}, {size}, 3) of bytes"
            )
        if labels.shape != (len(images),) or not np.isin(labels, np.arange(len(KINDS))).all():
            raise DatasetError(
                f"{path}: 'labels' is {labels.shape} of {np.unique(labels).tolist()}; expected one an image, "
                f"from 0 to {len(KINDS) - 1}"
            )
        return Labelled(averaged(images.transpose(0, 3, 1, 2), self.shape[1]), labels.astype(np.int64))


def read_file(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a file, or of a compressed one of that name. Raises DatasetError."""
    packed = path.with_name(f"{path.name}.gz")
    if not path.is_file() and not packed.is_file():
        raise DatasetError(f"{path} does not exist, nor {packed.name} beside it")
    try:
        source = path if path.is_file() else io.BytesIO(gzip.decompress(packed.read_bytes()))
        with h5py.File(source, "r", locking=False) as file:
            return file["images"][()], file["labels"][()]
    except (OSError, EOFError, KeyError, AttributeError, TypeError, zlib.error) as error:
        raise DatasetError(f"{path} is not a whole file of GalaxyMNIST: {error}; get it again") from error
