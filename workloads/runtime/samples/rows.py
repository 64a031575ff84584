"""Rows of HDF5 datasets, read at the file system's speed where the file allows it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError
from workloads.runtime.memory import page_aligned


class Rows:
    """The rows of one dataset, read from any thread.

    A dataset that is contiguous in its file and in this machine's byte order is read directly, with the interpreter
    lock released. A chunked, compressed or unwritten one is read through h5py, more slowly.
    """

    def __init__(self, path: Path, dataset: h5py.Dataset, descriptor: int) -> None:
        self.path, self._dataset, self._descriptor = path, dataset, descriptor
        self.shape, self.dtype = dataset.shape[1:], dataset.dtype.newbyteorder("=")
        self.row_bytes = int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize
        # No offset: chunked, compact or never written. Another byte order would need conversion.
        self._offset = dataset.id.get_offset() if dataset.dtype == self.dtype else None

    def __len__(self) -> int:
        return int(self._dataset.shape[0])

    def read(self, first: int, out: NDArray[Any]) -> None:
        """Fill ``out`` (n, *shape) with the rows from ``first`` on. Raises DatasetError if the file ends too soon."""
        if self._offset is None or not out.flags.c_contiguous or out.dtype != self.dtype:
            out[...] = self._dataset[first : first + len(out)]
            return
        view = out.reshape(-1).view(np.uint8).data
        position = int(self._offset) + first * self.row_bytes
        while (got := os.preadv(self._descriptor, (view,), position)) != len(view):
            if got == 0:
                size = self.path.stat().st_size
                raise DatasetError(f"{self.path} has {size} bytes; expected {len(view)} after {position}: truncated")
            view, position = view[got:], position + got

    def slab(self, first: int, last: int) -> NDArray[Any]:
        """Return the rows [first, last), (last - first, *shape), in memory of their own. Raises DatasetError."""
        out = page_aligned((last - first, *self.shape), self.dtype)
        try:
            self.read(first, out)
        except (OSError, RuntimeError) as error:
            key = str(self._dataset.name).lstrip("/")
            raise DatasetError(
                f"{self.path}: '{key}' cannot be read from {first} on: {error}; the file is damaged, copy it again"
            ) from error
        return out
