"""Arrays in npz and HDF5 files, read and written some rows at a time: the largest published one is ten gigabytes.

Everything wrong is a DatasetError that names the file, the key, the value and what would be right.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError

SLAB = 256
"""Rows read at a time."""
Shape = Sequence[int | None]
"""What is expected of an array's shape; None: any length."""


@dataclass(frozen=True)
class NewArray:
    """An array to be written: its shape, its type by numpy's name, and its rows, some at a time."""

    shape: tuple[int, ...]
    dtype: str
    rows: Iterable[NDArray[Any]]


def require_file(path: Path, kind: str) -> None:
    """Raise DatasetError unless there is such a file."""
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; expected {kind}")


def require_array(path: Path, key: str, found: tuple[tuple[int, ...], np.dtype[Any]], shape: Shape, kinds: str) -> None:
    """Raise DatasetError unless the shape (None: any length) and the kind of numbers ("u", "f", …) are as expected."""
    fits = len(found[0]) == len(shape) and all(want in (None, have) for want, have in zip(shape, found[0], strict=True))
    if not fits or found[0][0] == 0:
        wanted = ", ".join("n" if length is None else str(length) for length in shape)
        raise DatasetError(f"{path}: '{key}' has shape {found[0]}; expected ({wanted}), n > 0")
    if found[1].kind not in kinds:
        raise DatasetError(f"{path}: '{key}' has dtype {found[1]}; expected one of kind {' or '.join(kinds)}")


@contextmanager
def reading_npz(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive at ``path``; whatever is damaged in it is a DatasetError."""
    require_file(path, "an npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    # RuntimeError: encrypted, or compressed in a way that is not known.
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        size = path.stat().st_size
        raise DatasetError(f"{path} ({size} bytes) is not a whole npz file: {error}; copy it again") from error


def npz_slabs(path: Path, key: str, shape: Shape, kinds: str, slab: int = SLAB) -> Iterator[NDArray[Any]]:
    """The rows of one array of an npz file, ``slab`` at a time. Objects are refused."""
    with reading_npz(path) as archive:
        if f"{key}.npy" not in archive.namelist():
            names = sorted(name.removesuffix(".npy") for name in archive.namelist())
            raise DatasetError(f"{path} has no key '{key}', only {names}")
        with archive.open(f"{key}.npy") as entry:
            version = np.lib.format.read_magic(entry)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            if version not in read_header:
                raise ValueError(f"'{key}' is of version {version} of numpy's format")
            found, fortran, dtype = read_header[version](entry)
            if dtype.hasobject or fortran:
                raise DatasetError(f"{path}: '{key}' holds objects or is in Fortran's order; expected plain rows")
            require_array(path, key, (found, dtype), shape, kinds)
            row = int(np.prod(found[1:], dtype=np.int64)) * dtype.itemsize
            for start in range(0, found[0], slab):
                count = min(slab, found[0] - start)
                content = entry.read(count * row)
                if len(content) != count * row:
                    raise ValueError(f"'{key}' ends after {start} of {found[0]} rows")
                yield np.frombuffer(content, dtype).reshape(count, *found[1:])


def npz_array(path: Path, key: str, shape: Shape, kinds: str) -> NDArray[Any]:
    """A whole array of an npz file."""
    return np.concatenate(list(npz_slabs(path, key, shape, kinds, 1 << 16)))


def write_npz(path: Path, arrays: Mapping[str, NewArray], compressed: bool) -> None:
    """Write an npz file as numpy's ``savez`` does, or ``savez_compressed``."""
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        for key, array in arrays.items():
            # A fixed date: the same data give the same file.
            info = zipfile.ZipInfo(f"{key}.npy")
            info.compress_type = method
            with archive.open(info, mode="w", force_zip64=True) as entry:
                header = {"descr": np.dtype(array.dtype).str, "fortran_order": False, "shape": array.shape}
                np.lib.format.write_array_header_1_0(entry, header)
                for rows in array.rows:
                    entry.write(np.ascontiguousarray(rows, array.dtype).tobytes())


@contextmanager
def reading_hdf5(path: Path) -> Iterator[h5py.File]:
    """The file at ``path``; whatever is damaged in it is a DatasetError."""
    require_file(path, "an HDF5 file")
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (OSError, RuntimeError) as error:
        size = path.stat().st_size
        raise DatasetError(f"{path} ({size} bytes) is not a whole HDF5 file: {error}; copy it again") from error


def hdf5_dataset(path: Path, group: h5py.Group, key: str, shape: Shape, kinds: str) -> h5py.Dataset:
    """One array of an HDF5 file."""
    dataset = group.get(key)
    if not isinstance(dataset, h5py.Dataset):
        raise DatasetError(f"{path} has no key '{key}' in '{group.name}', only {sorted(group)}")
    require_array(path, key, (dataset.shape, dataset.dtype), shape, kinds)
    return dataset
