"""Images with an angle each, another one in every epoch: the same ones for any number of ranks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workloads.runtime.samples.sampleset import Arrays, SampleSet

GOLDEN, FIRST, SECOND = (
    np.uint64(word) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)  # fmt: skip
"""SplitMix64's constants."""


class WithAngles(SampleSet):
    """The samples of a set, in every epoch with new angles "degrees" (n,) float32, uniform in [0, 360).

    They depend on seed, epoch and sample alone, so that a training is the same for any number of ranks, and after a
    restart.
    """

    fresh = True

    def __init__(self, samples: SampleSet, seed: int) -> None:
        self.samples, self.seed = samples, seed

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """The samples of those numbers modulo the set's length, with the angles of those numbers."""
        found = self.samples.read(indices % len(self), out)
        degrees = angles_of(self.seed, indices)
        if out is None or "degrees" not in out:
            return {**found, "degrees": degrees}
        out["degrees"][: len(degrees)] = degrees
        return {**found, "degrees": out["degrees"][: len(degrees)]}


def angles_of(seed: int, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Degrees (n,) by the seed and each number alone: SplitMix64 (Steele, Lea and Flood 2014,
    doi:10.1145/2660193.2660195) of both. A generator of numpy's for each takes ten times as long.
    """
    with np.errstate(over="ignore"):
        state = (numbers.astype(np.uint64) + np.uint64(1)) * GOLDEN + np.uint64(seed) * SECOND
        state = (state ^ (state >> np.uint64(30))) * FIRST
        state = (state ^ (state >> np.uint64(27))) * SECOND
        state ^= state >> np.uint64(31)
    uniform: npt.NDArray[np.float64] = (state >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (360 * uniform).astype(np.float32)
