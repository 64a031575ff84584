"""The grid of factors behind a data set: every combination once, the last factor varying fastest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.int64]
"""Classes of factors, (n, k): numbers from 0 on, one row an image."""


@dataclass(frozen=True)
class FactorGrid:
    """``published`` is how many values each factor has, by name. Of those every ``strides``-th is there, from the first
    on: all of a factor that ``strides`` does not name.
    """

    published: Mapping[str, int]
    strides: Mapping[str, int] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """How many values of each factor are there."""
        return {name: -(-size // self.strides.get(name, 1)) for name, size in self.published.items()}

    def __len__(self) -> int:
        return int(np.prod(list(self.sizes.values())))

    @cached_property
    def classes(self) -> Classes:
        """The factors of all images in order, numbered among the values that are there."""
        sizes = tuple(self.sizes.values())
        return np.stack(np.unravel_index(np.arange(len(self)), sizes), axis=1)

    @property
    def published_classes(self) -> Classes:
        """The same, numbered among all published values."""
        numbers: Classes = self.classes * np.array([self.strides.get(name, 1) for name in self.published])
        return numbers
