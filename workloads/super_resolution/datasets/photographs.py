"""Image files as fields of grey levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workloads.runtime.errors import DatasetError
from workloads.super_resolution.datasets.regions import Fields


def read_grey(path: Path, shape: tuple[int, int]) -> Fields:
    """An image's brightness (h, w) from 0 to 255, the mean of its colours. Raises DatasetError unless it has the shape
    that is expected.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            levels = np.asarray(opened, np.float32)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is not a whole image: {error}; copy it again") from error
    grey = levels if levels.ndim == 2 else levels[..., :3].mean(axis=-1)
    if grey.shape != shape:
        raise DatasetError(f"{path} is of {grey.shape[0]} x {grey.shape[1]} pixels; expected {shape[0]} x {shape[1]}")
    return grey
