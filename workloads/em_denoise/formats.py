"""The published files: pairs of HDF5 files of noisy and clean images, and image files for inference.

``train/`` and ``test/`` hold ``graphene_img_noise.h5`` and ``graphene_img_clean.h5``, key ``images``, (N, 256, 256, 1)
float32; ``inference/`` holds ``raw/`` and ``truth/`` with image files of the same names. Everything wrong is a
``DatasetError`` that names the file, the key, the value and what would be right.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.rows import Rows

FILES = {"input": "graphene_img_noise.h5", "target": "graphene_img_clean.h5"}
KEY = "images"
SLAB = 8
"""Images read at a time: 2 MB of each kind, which the processor's cache holds from reading to writing."""


class Pairs:
    """Noisy and clean images of one folder, read in slabs by any thread. A context manager; raises DatasetError."""

    def __init__(self, folder: Path, pixels: int) -> None:
        self._stack = ExitStack()
        try:
            self._images = {name: self._open(folder / file, pixels) for name, file in FILES.items()}
            counts = {name: len(images) for name, images in self._images.items()}
            if counts["input"] != counts["target"]:
                raise DatasetError(
                    f"{folder / FILES['target']}: '{KEY}' has {counts['target']} images; expected {counts['input']}, "
                    f"as many as {FILES['input']}"
                )
        except BaseException:
            self._stack.close()
            raise

    def _open(self, path: Path, pixels: int) -> Rows:
        if not path.is_file():
            raise DatasetError(f"{path} does not exist; expected an HDF5 file with the key '{KEY}'")
        try:
            file = self._stack.enter_context(h5py.File(path, "r", locking=False))
        except OSError as error:
            size = path.stat().st_size
            raise DatasetError(f"{path} ({size} bytes) is not a whole HDF5 file: {error}; copy it again") from error
        images = file.get(KEY)
        if not isinstance(images, h5py.Dataset):
            raise DatasetError(f"{path} has no key '{KEY}', only {sorted(file)}")
        if images.ndim != 4 or images.shape[1:] != (pixels, pixels, 1):
            raise DatasetError(f"{path}: '{KEY}' has shape {images.shape}; expected (N, {pixels}, {pixels}, 1)")
        if images.shape[0] == 0:
            raise DatasetError(f"{path}: '{KEY}' holds no images")
        if images.dtype != np.float32:
            raise DatasetError(f"{path}: '{KEY}' has dtype {images.dtype}; expected float32")
        descriptor = os.open(path, os.O_RDONLY)
        self._stack.callback(os.close, descriptor)
        return Rows(path, images, descriptor)

    def __enter__(self) -> Pairs:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __len__(self) -> int:
        return len(self._images["input"])

    def slab(self, start: int, stop: int) -> dict[str, NDArray[np.float32]]:
        """Return the images [start, stop) as "input" and "target", (n, 1, h, w) each, all finite."""
        return {name: _read(images, start, stop) for name, images in self._images.items()}


def slab_spans(first: int, last: int) -> list[tuple[int, int]]:
    """Return the bounds of pieces of at most SLAB images that cover [first, last)."""
    return [(start, min(start + SLAB, last)) for start in range(first, last, SLAB)]


def _read(images: Rows, start: int, stop: int) -> NDArray[np.float32]:
    slab: NDArray[np.float32] = images.slab(start, stop)
    # Anything that is not finite shows in the largest or the smallest, which are faster found than looked for.
    if not (np.isfinite(slab.max()) and np.isfinite(slab.min())):
        wrong = start + int(np.argmin(np.isfinite(slab).all(axis=(1, 2, 3))))
        raise DatasetError(f"{images.path}: '{KEY}'[{wrong}] holds NaN or infinite values; expected finite ones")
    # One channel: channels last and channels first are the same bytes.
    return slab.reshape(len(slab), 1, *slab.shape[1:3])


def inference_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return the pairs of noisy image and truth in ``inference/``, by file name. Raises DatasetError if one lacks the
    other.
    """
    raw = {path.name: path for path in sorted((folder / "raw").glob("*")) if path.is_file()}
    truth = {path.name: path for path in sorted((folder / "truth").glob("*")) if path.is_file()}
    for name in sorted(raw.keys() ^ truth.keys()):
        missing = folder / ("truth" if name in raw else "raw") / name
        raise DatasetError(f"{missing} does not exist; expected an image for each in raw/ and truth/")
    return [(raw[name], truth[name]) for name in raw]


def read_image(path: Path, pixels: int) -> NDArray[np.float32]:
    """Return a grey-level image file as (pixels, pixels)."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            image = np.asarray(opened, dtype=np.float32)
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise DatasetError(f"{path} ({path.stat().st_size} bytes) is not a whole image: {error}") from error
    if image.shape != (pixels, pixels):
        raise DatasetError(f"{path} has shape {image.shape}; expected ({pixels}, {pixels}), grey levels")
    return image


def write_image(path: Path, image: NDArray[np.float32]) -> None:
    """Write a TIFF file of 32-bit floats, which keeps every bit."""
    from PIL import Image

    Image.fromarray(image).save(path)
