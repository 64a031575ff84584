"""Random numbers that depend on a seed and each sample's number alone: the same for any number of ranks, and after a
restart. A generator of numpy's for each sample takes ten times as long.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GOLDEN, FIRST, SECOND = (
    np.uint64(word) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)  # fmt: skip
"""SplitMix64's constants."""


def mixed(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's output (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195) of its states."""
    state = (state ^ (state >> np.uint64(30))) * FIRST
    state = (state ^ (state >> np.uint64(27))) * SECOND
    output: npt.NDArray[np.uint64] = state ^ (state >> np.uint64(31))
    return output


def unit_interval(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1) of 64 random bits each."""
    uniform: npt.NDArray[np.float64] = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return uniform


def uniform_numbers(seed: int, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Uniform in [0, 1), of any shape."""
    with np.errstate(over="ignore"):
        return unit_interval(mixed((numbers.astype(np.uint64) + np.uint64(1)) * GOLDEN + np.uint64(seed) * SECOND))


def normal_numbers(seed: int, rows: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.float32]:
    """Standard normal numbers (n, width) of each row's number (n,), by Box and Muller's transform."""
    pairs = -(-width // 2)
    counters = rows.astype(np.uint64)[:, None] * np.uint64(2 * pairs) + np.arange(1, 2 * pairs + 1, dtype=np.uint64)
    start = mixed(np.array([seed], np.uint64) * GOLDEN)
    uniform = unit_interval(mixed(np.add(start, counters * GOLDEN, dtype=np.uint64)))
    radius, angle = np.sqrt(-2 * np.log1p(-uniform[:, :pairs])), 2 * np.pi * uniform[:, pairs:]
    both = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
    return both[:, :width].astype(np.float32)
