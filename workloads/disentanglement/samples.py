"""Images with the random numbers that a step needs of them: the same ones for any number of ranks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workloads.runtime.samples.drawing import normal_numbers
from workloads.runtime.samples.sampleset import Arrays, SampleSet


class WithNoise(SampleSet):
    """The samples of a set, in every epoch with new standard normal numbers "noise" (n, width) float32.

    The numbers depend on seed, epoch and sample alone, so a training is the same for any number of ranks, and after a
    restart. "number" (n,) int64 is the sample's own.
    """

    fresh = True

    def __init__(self, samples: SampleSet, width: int, seed: int) -> None:
        self.samples, self.width, self.seed = samples, width, seed

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """The samples of those numbers modulo the set's length, with noise of those numbers."""
        found = self.samples.read(indices % len(self), out)
        noise = normal_numbers(self.seed, indices, self.width)
        if out is None or "noise" not in out:
            return {**found, "noise": noise}
        out["noise"][: len(noise)] = noise
        return {**found, "noise": out["noise"][: len(noise)]}
