"""Patches as a training sees them: in any orientation, the same ones for any number of ranks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workloads.runtime.samples.drawing import uniform_numbers
from workloads.runtime.samples.sampleset import Arrays, SampleSet

ORIENTATIONS = 8
"""Of a square: four quarter turns, and those of its mirror image."""


class Oriented(SampleSet):
    """The square patches of a set, in every epoch in a new orientation that all arrays (n, …, h, h) of a sample share.

    It depends on seed, epoch and sample alone.
    """

    fresh = True

    def __init__(self, samples: SampleSet, seed: int) -> None:
        self.samples, self.seed = samples, seed

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """The samples of those numbers modulo the set's length, as they are turned for those numbers."""
        found = self.samples.read(indices % len(self), out)
        orientations = (ORIENTATIONS * uniform_numbers(self.seed, indices)).astype(np.int64)
        return {name: turned(values, orientations) for name, values in found.items()}


def turned(images: npt.NDArray[np.generic], orientations: npt.NDArray[np.int64]) -> npt.NDArray[np.generic]:
    """Images (n, …, h, h), each in its orientation (n,) in 0 … 7, in place: so many quarter turns, and from 4 on
    mirrored behind them.
    """
    for orientation in range(1, ORIENTATIONS):
        rows = np.flatnonzero(orientations == orientation)
        some = np.rot90(images[rows], orientation % 4, axes=(-2, -1))
        images[rows] = some[..., ::-1] if orientation >= 4 else some
    return images
