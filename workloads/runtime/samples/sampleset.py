"""The contract of a set of samples. Without torch, which processes that only make data need not load."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
"""Arrays by name, each with the samples along its first dimension."""


class SampleSet(ABC):
    """Samples that can be read in any order. ``len()`` gives how many there are."""

    unit: str = "samples"
    """What throughput counts, such as "tokens" or "points": the items of which each sample holds some."""
    fresh: bool = False
    """Whether samples are never the same twice: epoch e then asks for the numbers e · len … (e + 1) · len − 1, each of
    which must always give the same sample. Such a set draws with ``np.random.default_rng([seed, number])``."""

    @abstractmethod
    def __len__(self) -> int: ...

    def items(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many items (n,) the samples at ``indices`` (n,) hold, known without reading them: one each by default.

        A rank's mean loss counts by the items that it is over.
        """
        return np.ones(len(indices), np.int64)

    @abstractmethod
    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """The samples at ``indices`` (n,), in that order, as arrays (n, …); into ``out`` if it is given.

        ``out`` holds arrays of at least n samples, as an earlier call returned them; the result may be views of them.
        """
