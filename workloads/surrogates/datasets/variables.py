"""Arrays in the files in which simulations are published: MATLAB's (both forms) and torch's.

Nothing in a file is run: of torch's files only tensors are read.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError

Floats = NDArray[np.float32]
USERBLOCK = 512
"""Bytes in front of the HDF5 file in MATLAB's form 7.3."""
HEADER = b"MATLAB 7.3 MAT-file, written as HDF5"
DAMAGE = (OSError, KeyError, ValueError, RuntimeError, EOFError, TypeError, NotImplementedError, pickle.UnpicklingError)
"""What readers raise of a damaged file."""


@dataclass(frozen=True)
class Variable:
    """An array (n, …) in a file, the samples along its first axis; ``reversed_axes`` if it is stored the other way."""

    path: Path
    key: str
    array: Any
    reversed_axes: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples first."""
        shape = tuple(map(int, self.array.shape))
        return shape[::-1] if self.reversed_axes else shape

    def rows(self, first: int, stop: int) -> Floats:
        """Samples as float32, all finite. Raises DatasetError."""
        try:
            found = np.asarray(self.array[..., first:stop] if self.reversed_axes else self.array[first:stop])
        except DAMAGE as error:
            raise DatasetError(f"{self.path}: {self.key!r} cannot be read: {error}; get it again") from error
        values = np.ascontiguousarray(found.T if self.reversed_axes else found, np.float32)
        if not np.isfinite(values).all():
            raise DatasetError(f"{self.path}: {self.key!r} has values that are not finite from sample {first} on")
        return values


def open_variable(path: Path, key: str, dimensions: int) -> Variable:
    """The array ``key`` of a file .mat or .pt, with samples first. Raises DatasetError."""
    if not path.is_file():
        raise DatasetError(
            f"{path} does not exist; say where the published files are: benchmark.download.folder=FOLDER"
        )
    try:
        if path.suffix == ".pt":
            found = Variable(path, key, _tensors(path)[key])
        elif h5py.is_hdf5(path):
            found = Variable(path, key, h5py.File(path, "r", locking=False)[key], reversed_axes=True)
        else:
            found = Variable(path, key, _matlab_variables(path, key)[key])
        shape, dtype = found.shape, found.array.dtype
    except DAMAGE as error:
        raise DatasetError(f"{path} has no array {key!r} that can be read: {error}; get it again") from error
    if dtype.kind not in "fiub":
        raise DatasetError(
            f"{path}: {key!r} holds {dtype}; expected one array of real numbers, all samples of one shape"
        )
    if len(shape) != dimensions or not shape[0]:
        raise DatasetError(f"{path}: {key!r} has shape {shape}; expected {dimensions} dimensions, samples first")
    return found


def _tensors(path: Path) -> Mapping[str, NDArray[Any]]:
    """The tensors of torch's file, which holds a dictionary of them. Torch is imported here: making data needs none."""
    import torch

    # What is not asked for is not read: files have gigabytes.
    held = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    return {str(name): value.numpy() for name, value in dict(held).items() if isinstance(value, torch.Tensor)}


def _matlab_variables(path: Path, key: str) -> Mapping[str, Any]:
    """A file of MATLAB's form 5."""
    from scipy.io import loadmat

    read: Mapping[str, Any] = loadmat(str(path), variable_names=[key])
    return read


class MatlabWriter:
    """Writes arrays sample by sample in MATLAB's form 7.3, as the larger published files have it."""

    def __init__(self, path: Path, shapes: Mapping[str, tuple[int, ...]], extra: Mapping[str, Any]) -> None:
        self.path = path
        self._file = h5py.File(path, "w", userblock_size=USERBLOCK, locking=False)
        self._arrays = {}
        for name, shape in shapes.items():
            # MATLAB's axes run the other way; each sample is a chunk, or each would touch the whole file.
            self._arrays[name] = self._file.create_dataset(
                name, shape[::-1], "<f4", chunks=(*shape[:0:-1], 1), track_times=False
            )
            self._arrays[name].attrs["MATLAB_class"] = np.bytes_("single")
        for name, value in extra.items():
            self._file.create_dataset(name, data=np.atleast_2d(np.asarray(value, np.float64)).T, track_times=False)

    def write(self, first: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Put samples (k, …) at their place."""
        for name, array in arrays.items():
            self._arrays[name][..., first : first + len(array)] = np.asarray(array, np.float32).T

    def __enter__(self) -> MatlabWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        with self.path.open("r+b") as file:
            file.write(HEADER.ljust(124) + b"\x00\x02IM")
