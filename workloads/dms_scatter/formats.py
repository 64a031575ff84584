"""The published layout of dms_sim: one HDF5 file for training and test, and a tree of images for inference.

``training/data-binary.h5`` holds ``train/images`` and ``test/images`` (n, 487, 195, 3) float32 and ``train/labels``
and ``test/labels`` (n,) or (n, 1), 0 for monoclinic and 1 for tetragonal. An inference image has the class's name in
its path. Everything wrong with a file is a ``DatasetError`` that names the file, the key, the value and what would be
right.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.dms_scatter.lattice import CLASSES
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.rows import Rows

ROWS, COLUMNS, CHANNELS = 487, 195, 3
IMAGE_SHAPE = (ROWS, COLUMNS, CHANNELS)
TRAINING_FILE = "training/data-binary.h5"
INFERENCE_FOLDER = "inference"
GROUPS = {"training": "train", "evaluation": "test"}
"""Names of the file's groups, by the part that they hold."""
IMAGE_SUFFIXES = {".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"}
SLAB = 2
"""Images read at once: 2.3 MB, which the processor's cache holds from reading to writing."""


@dataclass(frozen=True)
class Group:
    """One of the two groups of the training file, checked except for its pixels."""

    path: Path
    name: str
    images: Rows
    labels: NDArray[np.int64]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Return the bounds of pieces of at most SLAB images that cover the group."""
        return [(start, min(start + SLAB, len(self.labels))) for start in range(0, len(self.labels), SLAB)]

    def slab(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the images [start, stop), (k, 487, 195, 3), all finite, and their labels (k,). Any thread
        may call it.
        """
        images = self.images.slab(start, stop)
        # Anything that is not finite shows in the largest or the smallest, which are faster found than looked for.
        if not (np.isfinite(images.max()) and np.isfinite(images.min())):
            bad = start + int(np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))[0])
            raise DatasetError(f"{self.path}: '{self.name}/images'[{bad}] holds NaN or infinite values")
        return images, self.labels[start:stop]


@contextmanager
def open_groups(published: Path) -> Iterator[dict[str, Group]]:
    """Yield the groups of the training file as "training" and "evaluation", checked except for their pixels."""
    path = published / TRAINING_FILE
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; expected the published HDF5 file")
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        size = path.stat().st_size
        raise DatasetError(f"{path} ({size} bytes) is not a whole HDF5 file: {error}; copy it again") from error
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with file:
            yield {part: _group(path, name, file, descriptor) for part, name in GROUPS.items()}
    finally:
        os.close(descriptor)


def _group(path: Path, name: str, file: h5py.File, descriptor: int) -> Group:
    images = _dataset(path, f"{name}/images", file, f"(n, {', '.join(map(str, IMAGE_SHAPE))}) float32")
    if images.shape[1:] != IMAGE_SHAPE or images.ndim != 4:
        raise DatasetError(f"{path}: '{name}/images' has shape {images.shape}; expected (n, 487, 195, 3)")
    if images.dtype != np.float32:
        raise DatasetError(f"{path}: '{name}/images' has dtype {images.dtype}; expected float32")
    if not len(images):
        raise DatasetError(f"{path}: '{name}/images' is empty; expected at least one image")
    return Group(path, name, Rows(path, images, descriptor), _labels(path, f"{name}/labels", file, len(images)))


def _dataset(path: Path, key: str, file: h5py.File, expected: str) -> h5py.Dataset:
    try:
        dataset = file.get(key)
    except (OSError, RuntimeError, KeyError) as error:
        raise DatasetError(f"{path}: '{key}' cannot be read: {error}; the file is damaged, copy it again") from error
    if not isinstance(dataset, h5py.Dataset):
        raise DatasetError(f"{path} has no dataset '{key}'; expected {expected}")
    return dataset


def _labels(path: Path, key: str, file: h5py.File, samples: int) -> NDArray[np.int64]:
    dataset = _dataset(path, key, file, "(n,) integers, 0 (monoclinic) or 1 (tetragonal)")
    if dataset.shape not in ((samples,), (samples, 1)):
        raise DatasetError(f"{path}: '{key}' has shape {dataset.shape}; expected ({samples},), one label an image")
    if dataset.dtype.kind not in "iufb":
        raise DatasetError(f"{path}: '{key}' has dtype {dataset.dtype}; expected integers 0 and 1")
    try:
        values: NDArray[Any] = dataset[()].reshape(-1)
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{path}: '{key}' cannot be read: {error}; the file is damaged, copy it again") from error
    wrong = np.flatnonzero(~np.isin(values, (0, 1)))
    if len(wrong):
        raise DatasetError(
            f"{path}: '{key}'[{wrong[0]}] is {values[wrong[0]]}; expected 0 (monoclinic) or 1 (tetragonal)"
        )
    return values.astype(np.int64)


@contextmanager
def create_groups(published: Path, counts: dict[str, int]) -> Iterator[dict[str, tuple[h5py.Dataset, h5py.Dataset]]]:
    """Yield the images and labels datasets of a new training file, for "training" and "evaluation"."""
    path = published / TRAINING_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", locking=False) as file:
        yield {
            part: (
                file.create_dataset(f"{name}/images", (counts[part], *IMAGE_SHAPE), "<f4", track_times=False),
                file.create_dataset(f"{name}/labels", (counts[part],), "<i8", track_times=False),
            )
            for part, name in GROUPS.items()
        }


def inference_files(folder: Path) -> list[tuple[Path, int]]:
    """Return the images anywhere under the folder with their labels, sorted by path.

    Only the path below the folder counts, so the folder's own path may contain the name of a class.
    """
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES):
        named = [label for label, name in enumerate(CLASSES) if name in str(path.relative_to(folder)).lower()]
        if len(named) != 1:
            raise DatasetError(f"{path}: its path says of {len(named)} classes; expected one of {' or '.join(CLASSES)}")
        found.append((path, named[0]))
    return found


def read_image(path: Path) -> NDArray[np.float32]:
    """Return one inference image (487, 195, 3), in the grey levels of its file."""
    from PIL import Image

    if not path.is_file():
        raise DatasetError(f"{path} does not exist; expected an image")
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        size = path.stat().st_size
        raise DatasetError(f"{path} ({size} bytes) is not a whole image: {error}; copy it again") from error
    if pixels.shape != IMAGE_SHAPE:
        raise DatasetError(f"{path} has shape {pixels.shape}; expected {IMAGE_SHAPE}, three channels")
    return pixels.astype(np.float32)


def write_image(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write one inference image."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
