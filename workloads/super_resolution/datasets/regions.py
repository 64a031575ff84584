"""Parts of fields: a globe's stripes, a flow's square, and the patches that are cut of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from workloads.super_resolution.resampling import fill_missing, shrink_fields, shrink_valid_fields

Fields = NDArray[np.float32]
Valid = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)
Corners = Sequence[tuple[int, int]]
"""First row and column of patches."""


@dataclass(frozen=True)
class Region:
    """A fine field (h, w), and which of its cells have values; None: all."""

    values: Fields
    valid: Valid | None = None

    def window(self, rows: slice, columns: slice) -> Region:
        """A part of it."""
        return Region(self.values[rows, columns], None if self.valid is None else self.valid[rows, columns])

    def cropped(self, multiple: int) -> Region:
        """Without the last rows and columns, so that both sides are multiples."""
        height, width = (size // multiple * multiple for size in self.values.shape)
        return self.window(slice(height), slice(width))

    @property
    def filled(self) -> Fields:
        """The values; where there is none, the nearest cell's."""
        return self.values if self.valid is None else fill_missing(self.values, self.valid)

    @property
    def mask(self) -> NDArray[np.uint8]:
        """1 where there is a value (h, w)."""
        return np.ones(self.values.shape, np.uint8) if self.valid is None else self.valid.astype(np.uint8)

    @property
    def extremes(self) -> tuple[float, float]:
        """The least and the largest value; of none, infinite ones that are no bound."""
        some = self.values if self.valid is None else self.values[self.valid]
        return (float(some.min()), float(some.max())) if some.size else (np.inf, -np.inf)

    def coarse(self, scale: int, degradation: str) -> Fields:
        """The field at so many times coarser resolution (h / scale, w / scale). Missing cells count for nothing; a
        coarse cell that most of the weight is missing of has the nearest one's value.
        """
        if self.valid is None:
            return shrink_fields(self.values, scale, degradation).astype(np.float32)
        means, weights = shrink_valid_fields(self.values, self.valid, scale, degradation)
        return fill_missing(means.astype(np.float32), weights >= 0.5)

    def corners(self, size: int, stride: int, is_worth: Callable[[Region], bool]) -> list[tuple[int, int]]:
        """Where patches of a size begin, so many cells from one to the next, of those that are worth it."""
        height, width = self.values.shape
        places = (
            (row, left) for row in range(0, height - size + 1, stride) for left in range(0, width - size + 1, stride)
        )
        return [
            (row, left)
            for row, left in places
            if is_worth(self.window(slice(row, row + size), slice(left, left + size)))
        ]


def stripes(whole: Region, count: int, evaluated: Collection[int], part: str) -> Iterator[Region]:
    """A part's of so many blocks of columns: the ``evaluated`` ones, or for training the others."""
    edges = np.linspace(0, whole.values.shape[1], count + 1).round().astype(int).tolist()
    for number, (left, right) in enumerate(itertools.pairwise(edges)):
        if (number in evaluated) == (part == "evaluation"):
            yield whole.window(slice(None), slice(left, right))


def patches(field: NDArray[T], corners: Corners, size: int) -> NDArray[T]:
    """The patches (n, 1, size, size) of a field (h, w) that begin there."""
    return np.stack([field[row : row + size, column : column + size] for row, column in corners])[:, None]
