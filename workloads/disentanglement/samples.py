"""Images with the random numbers that a step needs of them: the same ones for any number of ranks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workloads.runtime.samples.sampleset import Arrays, SampleSet

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


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


def normal_numbers(seed: int, rows: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.float32]:
    """Standard normal numbers (n, width) that depend on the seed and each row's number alone.

    Box and Muller's transform of the counters' SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195): a
    generator of numpy's for each row takes ten times as long.
    """
    pairs = -(-width // 2)
    counters = rows.astype(np.uint64)[:, None] * np.uint64(2 * pairs) + np.arange(1, 2 * pairs + 1, dtype=np.uint64)
    start = mixed(np.array([seed], np.uint64) * GOLDEN)
    bits = mixed(np.add(start, counters * GOLDEN, dtype=np.uint64)) >> np.uint64(11)
    uniform = bits.astype(np.float64) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log1p(-uniform[:, :pairs])), 2 * np.pi * uniform[:, pairs:]
    both = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
    return both[:, :width].astype(np.float32)


def mixed(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's output of its states."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    output: npt.NDArray[np.uint64] = state ^ (state >> np.uint64(31))
    return output
