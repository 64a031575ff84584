"""Arrays of published NetCDF files: of version 3, and of version 4, which is HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.io import netcdf_file

from workloads.runtime.errors import DatasetError

UNREADABLE = (ArithmeticError, AssertionError, LookupError, MemoryError, OSError, TypeError, ValueError)
"""What SciPy's reader raises of files that are damaged or no NetCDF 3."""


def read_netcdf3(path: Path, key: str) -> NDArray[np.float32]:
    """A variable of a NetCDF 3 file, NaN where it has no value. Raises DatasetError."""
    try:
        with netcdf_file(path, "r", mmap=False) as file:
            found = file.variables.get(key)
            if found is not None:
                return without_missing(np.array(found.data, np.float32), missing_values(vars(found)["_attributes"]))
    except UNREADABLE as error:
        raise DatasetError(f"{path} is no whole NetCDF 3 file: {error}; copy it again") from error
    raise DatasetError(f"{path} has no variable {key!r}")


def read_netcdf4(path: Path, key: str) -> NDArray[np.float32]:
    """A variable of a NetCDF 4 file, NaN where it has no value. Raises DatasetError."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            found = file.get(key)
            if isinstance(found, h5py.Dataset):
                return without_missing(found[()].astype(np.float32), missing_values(found.attrs))
    except OSError as error:
        raise DatasetError(f"{path} is no whole NetCDF 4 file: {error}; copy it again") from error
    raise DatasetError(f"{path} has no variable {key!r}")


def missing_values(attributes: Any) -> list[float]:
    """What stands for no value, as a variable's attributes say."""
    named = (attributes.get(name) for name in ("_FillValue", "missing_value"))
    return [float(np.ravel(value)[0]) for value in named if value is not None]


def without_missing(values: NDArray[np.float32], missing: list[float]) -> NDArray[np.float32]:
    """The values, NaN where one of them means that there is none."""
    for value in missing:
        values[values == np.float32(value)] = np.nan
    return values
