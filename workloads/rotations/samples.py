"""Images with the random numbers that a step needs of them: the same ones for any number of ranks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from workloads.runtime.samples.drawing import uniform_numbers
from workloads.runtime.samples.sampleset import Arrays, SampleSet

OF_NOISE = 1 << 32
"""Added to the seed that noise is drawn by, which then has nothing of the angles'."""


class WithAngles(SampleSet):
    """The samples of a set, in every epoch with new angles "degrees" (n,) float32, uniform in [0, 360), and with
    standard normal "noise" (n, width) float32 where it has a width.

    They depend on seed, epoch and sample alone, so that a training is the same for any number of ranks, and after a
    restart.
    """

    fresh = True

    def __init__(self, samples: SampleSet, seed: int, width: int = 0) -> None:
        self.samples, self.seed, self.width = samples, seed, width

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """The samples of those numbers modulo the set's length, with what is drawn for those numbers."""
        found = dict(self.samples.read(indices % len(self), out))
        drawn = {"degrees": angles_of(self.seed, indices)}
        if self.width:
            drawn["noise"] = noise_of(self.seed, indices, self.width)
        for name, values in drawn.items():
            if out is not None and name in out:
                out[name][: len(values)] = values
                values = out[name][: len(values)]
            found[name] = values
        return found


def angles_of(seed: int, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Degrees (n,) by the seed and each number alone."""
    return (360 * uniform_numbers(seed, numbers)).astype(np.float32)


def noise_of(seed: int, numbers: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.float32]:
    """Standard normal numbers (n, width) by the seed and each number alone."""
    counters = numbers[:, None] * width + np.arange(width)
    # Never 0, of which the normal number is none.
    noise: npt.NDArray[np.float32] = ndtri(uniform_numbers(seed + OF_NOISE, counters) + 2.0**-54).astype(np.float32)
    return noise
