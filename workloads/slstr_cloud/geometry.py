"""Scenes cut into patches for training, and covered with overlapping patches for inference, as published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from workloads.runtime.errors import DatasetError

POOLINGS = 8
"""The network halves a patch three times."""


@dataclass(frozen=True)
class Geometry:
    """A scene's ``height`` and ``width``, the side of a square patch, and the part of an inferred patch that is cut off
    (``crop``, half of it on each side), in pixels. Published: 1200 x 1500, 256, 80.
    """

    height: int
    width: int
    patch: int
    crop: int

    def __post_init__(self) -> None:
        if self.patch < POOLINGS or self.patch % POOLINGS:
            raise DatasetError(f"dataset.patch is {self.patch}; expected a multiple of {POOLINGS}")
        if not 0 <= self.crop < self.patch or self.crop % 2:
            raise DatasetError(f"dataset.crop is {self.crop}; expected an even number from 0 to below {self.patch}")
        for name in ("height", "width"):
            if getattr(self, name) < self.patch:
                raise DatasetError(f"dataset.{name} is {getattr(self, name)}; expected at least a patch, {self.patch}")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Geometry:
        """The geometry in a benchmark's dataset settings; other keys are ignored."""
        try:
            return cls(**{key: int(settings[key]) for key in cls.__dataclass_fields__})
        except KeyError as error:
            raise DatasetError(f"dataset settings lack {error}; expected {sorted(cls.__dataclass_fields__)}") from error

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def training_grid(self) -> tuple[int, int]:
        """Rows and columns of patches cut from a scene for training: 4 x 5 as published."""
        return self.height // self.patch, self.width // self.patch

    @property
    def training_patches(self) -> int:
        """Patches cut from a scene for training."""
        rows, columns = self.training_grid
        return rows * columns

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the centre of an image (height, width, …) as adjacent patches (n, patch, patch, …), row by row."""
        rows, columns = self.training_grid
        side = self.patch
        top, left = (self.height % side) // 2, (self.width % side) // 2
        centre = image[top : top + rows * side, left : left + columns * side]
        blocks = centre.reshape(rows, side, columns, side, *image.shape[2:]).swapaxes(1, 2)
        tiles: NDArray[Any] = blocks.reshape(rows * columns, side, side, *image.shape[2:])
        return tiles

    @property
    def stride(self) -> int:
        """Distance from one overlapping patch to the next, which is also the side that is kept: 176 as published."""
        return self.patch - self.crop

    @property
    def tile_grid(self) -> tuple[int, int]:
        """Rows and columns of overlapping patches that cover a scene: 7 x 9 as published."""
        return -(-self.height // self.stride), -(-self.width // self.stride)

    @property
    def tiles(self) -> int:
        """Overlapping patches that cover a scene: 63 as published."""
        rows, columns = self.tile_grid
        return rows * columns

    def _margins(self) -> tuple[int, int, int, int]:
        """What is added at the left, right, top and bottom so that whole patches cover the scene."""
        rows, columns = self.tile_grid
        down = (rows - 1) * self.stride + self.patch - self.height
        across = (columns - 1) * self.stride + self.patch - self.width
        return across // 2, across - across // 2, down // 2, down - down // 2

    def cover(self, scene: Tensor) -> Tensor:
        """Return overlapping patches of a scene (height, width, c), zeros beyond its edges: (tiles, patch,
        patch, c).
        """
        padded = functional.pad(scene, (0, 0, *self._margins()))
        windows = padded.unfold(0, self.patch, self.stride).unfold(1, self.patch, self.stride)
        return windows.permute(0, 1, 3, 4, 2).reshape(self.tiles, self.patch, self.patch, scene.shape[-1])

    def stitch(self, tiles: Tensor) -> Tensor:
        """Return the inner parts of overlapping patches (tiles, patch, patch), side by side: (height, width)."""
        rows, columns = self.tile_grid
        half = self.crop // 2
        inner = tiles[:, half : half + self.stride, half : half + self.stride]
        whole = inner.reshape(rows, columns, self.stride, self.stride).transpose(1, 2)
        whole = whole.reshape(rows * self.stride, columns * self.stride)
        left, _, top, _ = self._margins()
        return whole[top - half : top - half + self.height, left - half : left - half + self.width]


def split_by_file(files: int, training_share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of the files for training and for evaluation.

    The division is that of scikit-learn's ``train_test_split(train_size=training_share, random_state=seed)``, which the
    published loaders call with 0.8 and 42 (on files in the file system's order).
    """
    training = int(np.floor(training_share * files))
    order = np.random.RandomState(seed).permutation(files)
    held_out = files - training
    return order[held_out:], order[:held_out]
