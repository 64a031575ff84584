"""The published files: one HDF5 file a scene, and how its numbers become the network's.

``{day,night}/S3A….hdf`` holds ``bts`` (h, w, 3), temperatures S7 to S9 in K; ``refs`` (h, w, 6), reflectances S1 to S6;
``rads`` (h, w, 6), their radiances; ``bayes`` and ``summary`` (h, w, 1), cloud masks from 0 to 255; h = 1200, w = 1500.
Zero stands for "not measured" (at night the reflectances, beyond the swath everything). Sources: stfc-sciml/e2e, case2
(``convert_netcdf.py`` writes them, ``data_loader.py`` reads them).

The width of the floats is not stated. The published 163 GiB for 970 files are 180 MB each, as ``refs`` and masks of
float64 and the others of float32 make; any floating-point or integer type is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.rows import Rows

PATTERN = "S3A*.hdf"
REFLECTANCES, TEMPERATURES = 6, 3
CHANNELS = REFLECTANCES + TEMPERATURES
DEPTHS: Mapping[str, int] = {"bts": 3, "refs": 6, "rads": 6, "bayes": 1, "summary": 1}
"""Last dimension of each dataset of a file."""
TYPES: Mapping[str, str] = {"bts": "<f4", "refs": "<f8", "rads": "<f4", "bayes": "<f8", "summary": "<f8"}
"""As the stand-in is written; see above."""

REFLECTANCE_OFFSET = 0.5
TEMPERATURE_OFFSET, TEMPERATURE_SCALE = 270.0, 22.0
"""Published normalisation (MLCommons Science and E2E): refs - 0.5 and (bts - 270) / 22."""
STORED = "<f2"
"""Normalised inputs are kept in half precision: rounding is below 0.011 K from 226 to 314 K and 0.00025 in reflectance
below 1.5, under the instrument's noise; the consolidated set takes a fifth of the space."""
NOT_MEASURED = -10.0
"""Normalised temperatures below this (50 K) are zeros of the file."""


@dataclass(frozen=True)
class Scene:
    """The part of a file that is read: ``bts`` (h, w, 3) in K, ``refs`` (h, w, 6), ``bayes`` (h, w, 1) from 0
    to 255.
    """

    bts: NDArray[np.floating]
    refs: NDArray[np.floating]
    bayes: NDArray[np.floating]


def scene_files(folder: Path) -> list[Path]:
    """Return the scenes below a folder, day and night, by name. Raises DatasetError if there are none."""
    paths = sorted(folder.glob(f"**/{PATTERN}"), key=lambda path: (path.name, str(path)))
    if not paths:
        raise DatasetError(f"{folder} holds no {PATTERN}; expected such files in folders 'day' and 'night'")
    return paths


def write_scene(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write one file with the five datasets, contiguous, in the published types."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", locking=False) as file:
        for key, kind in TYPES.items():
            file.create_dataset(key, data=arrays[key].astype(kind, copy=False), track_times=False)


def check_scene(path: Path, shape: tuple[int, int]) -> None:
    """Raise DatasetError that names file and key, unless the file is whole and has all datasets as published."""
    if path.stat().st_size == 0:
        raise DatasetError(f"{path} is empty; download it again")
    try:
        with h5py.File(path, "r", locking=False) as file:
            for key, depth in DEPTHS.items():
                _check_dataset(path, file, key, (*shape, depth))
    except OSError as error:
        raise DatasetError(f"{path} is not a whole HDF5 file: {error}; download it again") from error


def _check_dataset(path: Path, file: h5py.File, key: str, shape: tuple[int, ...]) -> None:
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        raise DatasetError(f"{path} has no dataset '{key}'; expected {', '.join(DEPTHS)}")
    if dataset.shape != shape:
        raise DatasetError(f"{path}: '{key}' has shape {dataset.shape}; expected {shape}")
    if dataset.dtype.kind not in "fiu":
        raise DatasetError(f"{path}: '{key}' has dtype {dataset.dtype}; expected floating-point numbers")
    if not dataset.id.get_storage_size():
        raise DatasetError(f"{path}: '{key}' was never written; download the file again")


def read_scene(path: Path, shape: tuple[int, int]) -> Scene:
    """Return one scene. Raises DatasetError if the file is not as published or holds impossible values."""
    check_scene(path, shape)
    with h5py.File(path, "r", locking=False) as file, path.open("rb", buffering=0) as raw:
        scene = Scene(*(Rows(path, file[key], raw.fileno()).slab(0, shape[0]) for key in ("bts", "refs", "bayes")))
    _check_range(path, "bts", scene.bts, 0, 400, "temperatures in K, 0 where not measured")
    _check_range(path, "refs", scene.refs, -10, 100, "reflectances")
    _check_range(path, "bayes", scene.bayes, 0, 255, "a mask from 0 to 255")
    return scene


def _check_range(path: Path, key: str, values: NDArray[Any], least: float, most: float, what: str) -> None:
    smallest, largest = values.min(), values.max()
    # A comparison with a value that is no number is false.
    if not (smallest >= least and largest <= most):
        raise DatasetError(f"{path}: '{key}' runs from {smallest} to {largest}; expected {what}")


def normalise_scene(scene: Scene) -> NDArray[np.float16]:
    """Return the network's input (h, w, 9): six reflectances, then three temperatures, in half precision."""
    result = np.empty((*scene.bts.shape[:2], CHANNELS), STORED)
    refs, bts = result[..., :REFLECTANCES], result[..., REFLECTANCES:]
    refs[...] = scene.refs.astype(np.float32) - np.float32(REFLECTANCE_OFFSET)
    bts[...] = (scene.bts.astype(np.float32) - np.float32(TEMPERATURE_OFFSET)) / np.float32(TEMPERATURE_SCALE)
    return result


def label_mask(scene: Scene) -> NDArray[np.uint8]:
    """Return 1 where the Bayesian mask is above zero, otherwise 0: (h, w)."""
    return (scene.bayes[..., 0] > 0).astype(np.uint8)


def measured_mask(scene: Tensor) -> Tensor:
    """Return where a normalised scene (h, w, 9) has temperatures: (h, w), false beyond the swath."""
    return scene[..., REFLECTANCES] > NOT_MEASURED
