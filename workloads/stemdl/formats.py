"""The two published file formats of stemdl and the published pre-processing between them.

*Raw*: HDF5, one or many groups a file, each group a sample with dataset ``cbed_stack`` (3, 512, 512) float32
and attribute ``space_group``. *Processed*: npz, ``data`` (3, 128, 128) float32 and ``label`` (1,) int. Everything
wrong with a file is a ``DatasetError`` that names the file, the key, the value and what would be right.
"""

from __future__ import annotations

import functools
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.rows import Rows
from workloads.stemdl.npz import read_npz

PROJECTIONS = 3
RAW_PIXELS = 512
PROCESSED_PIXELS = 128
RAW_SHAPE = (PROJECTIONS, RAW_PIXELS, RAW_PIXELS)
PROCESSED_SHAPE = (PROJECTIONS, PROCESSED_PIXELS, PROCESSED_PIXELS)
BLOCK = RAW_PIXELS // PROCESSED_PIXELS
SAMPLE_BYTES = PROJECTIONS * PROCESSED_PIXELS * PROCESSED_PIXELS * 4
"""Bytes of a processed stack."""
MATERIAL_TYPE = "S128"
"""Type of a material's name as it is stored; empty if unknown."""
SPACE_GROUPS = range(1, 231)


@dataclass(frozen=True)
class Sample:
    """One stack (3, 128, 128) float32, 0 to 255, its space group and, if known, the material that it shows."""

    data: NDArray[np.float32]
    label: int
    material: str = ""


def log_scaled(intensity: NDArray[Any]) -> NDArray[np.float32]:
    """Return the published scaling clip(10 (max(-17, ln I) + 17), 0, 255), any shape; zero intensity gives 0."""
    with np.errstate(divide="ignore"):
        scaled = np.log(intensity, dtype=np.float32)
    # What is below -17 is below 0 at the end: clipped once, it is the same.
    scaled += 17
    scaled *= 10
    return np.asarray(np.clip(scaled, 0, 255, out=scaled))


def preprocess_stack(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log-scaled images (…, 128, 128) of raw intensities (…, 512, 512).

    The published code resizes with OpenCV's INTER_AREA, which for an integer factor is the mean over blocks of 4 x 4.
    """
    *before, height, width = raw.shape
    # Whole arrays are added, rows first: numpy's own sums over such short axes take many times as long.
    rows = np.moveaxis(log_scaled(raw).reshape(*before, height // BLOCK, BLOCK, width), -2, 0)
    columns = functools.reduce(np.add, rows).reshape(*before, height // BLOCK, width // BLOCK, BLOCK)
    return np.asarray(functools.reduce(np.add, np.moveaxis(columns, -1, 0)) * np.float32(1 / BLOCK**2))


def write_raw(path: Path, group: str, stack: NDArray[np.float32], space_group: int) -> None:
    """Add one sample to a raw file, which is created if necessary."""
    with h5py.File(path, "a", locking=False) as file:
        sample = file.create_group(group)
        sample.create_dataset("cbed_stack", data=stack.astype(np.float32, copy=False))
        sample.attrs["space_group"] = space_group


def raw_groups(path: Path) -> tuple[str, ...]:
    """Return the groups of a raw file, each a sample. Raises DatasetError if there are none."""
    with _open_raw(path) as file:
        if len(file) == 0:
            raise DatasetError(f"{path} has no groups; expected one group a sample, with a dataset 'cbed_stack'")
        return tuple(file)


def read_raw(path: Path, groups: Sequence[str] | None = None) -> Iterator[tuple[str, NDArray[np.float32], int]]:
    """Yield group name, stack (3, 512, 512) and space group of every sample of a raw file, or of the given groups."""
    chosen = groups or raw_groups(path)
    with _open_raw(path) as file, path.open("rb") as straight:
        for name in chosen:
            yield name, *_raw_sample(path, name, file, straight.fileno())


def _open_raw(path: Path) -> h5py.File:
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; expected a raw HDF5 file")
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        size = path.stat().st_size
        raise DatasetError(f"{path} ({size} bytes) is not a whole HDF5 file: {error}; copy it again") from error


def _raw_sample(path: Path, name: str, file: h5py.File, descriptor: int) -> tuple[NDArray[np.float32], int]:
    where = f"{path}: group '{name}'"
    try:
        group = file[name]
        if not isinstance(group, h5py.Group) or not isinstance(group.get("cbed_stack"), h5py.Dataset):
            raise DatasetError(f"{where} has no dataset 'cbed_stack'; expected one of shape {RAW_SHAPE} float32")
        if "space_group" not in group.attrs:
            raise DatasetError(f"{where} has no attribute 'space_group'; expected an integer from 1 to 230")
        dataset = group["cbed_stack"]
        _check_array(f"{where}, 'cbed_stack'", dataset.shape, dataset.dtype, RAW_SHAPE)
        label = check_label(f"{where}, 'space_group'", group.attrs["space_group"])
        stack = Rows(path, dataset, descriptor).slab(0, PROJECTIONS)
    except (OSError, RuntimeError, KeyError) as error:
        raise DatasetError(f"{where} cannot be read: {error}; the file is damaged, copy it again") from error
    smallest, largest = stack.min(), stack.max()
    if not (np.isfinite(smallest) and np.isfinite(largest)) or smallest < 0:
        worst = "negative" if np.isfinite(stack).all() else "NaN or infinite"
        raise DatasetError(f"{where}, 'cbed_stack' holds {worst} values; expected finite intensities >= 0")
    return stack, label


def write_processed(path: Path, sample: Sample) -> None:
    """Write one processed npz file."""
    np.savez(path, data=sample.data.astype(np.float32, copy=False), label=np.array([sample.label]))


def read_processed(path: Path) -> Sample:
    """Read and check one processed npz file."""
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; expected a processed npz file")
    try:
        entries = read_npz(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        size = path.stat().st_size
        raise DatasetError(f"{path} ({size} bytes) is not a whole npz file: {error}; copy it again") from error
    for key in ("data", "label"):
        if key not in entries:
            raise DatasetError(f"{path} has no key '{key}', only {sorted(entries)}; expected 'data' and 'label'")
    data, label = entries["data"], entries["label"]
    _check_array(f"{path}: 'data'", data.shape, data.dtype, PROCESSED_SHAPE)
    if label.shape not in ((1,), ()):
        raise DatasetError(f"{path}: 'label' has shape {label.shape}; expected (1,)")
    # Anything that is not finite shows in the largest or the smallest.
    if not (np.isfinite(data.max()) and np.isfinite(data.min())):
        raise DatasetError(f"{path}: 'data' holds NaN or infinite values; expected finite values from 0 to 255")
    return Sample(data, check_label(f"{path}: 'label'", label))


def check_label(where: str, value: Any) -> int:
    """Return a space group as an int. Raises DatasetError if it is not an integer from 1 to 230."""
    array = np.asarray(value)
    if array.size != 1 or not np.issubdtype(array.dtype, np.integer) or int(array.item()) not in SPACE_GROUPS:
        raise DatasetError(f"{where} is {array.tolist()!r}; expected one integer from 1 to 230")
    return int(array.item())


def _check_array(where: str, shape: tuple[int, ...], dtype: np.dtype[Any], expected: tuple[int, ...]) -> None:
    if shape != expected:
        raise DatasetError(f"{where} has shape {shape}; expected {expected}")
    if dtype != np.float32:
        raise DatasetError(f"{where} has dtype {dtype}; expected float32")
