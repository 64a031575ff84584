"""Sums over the steps of every rank, computed from blocks of ranks. Collecting keeps these sums of telemetry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from orchestrator.records import STEP_TIMES

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]

QUANTILES = 33
"""Points of a stored distribution, evenly spaced in probability, least and greatest value included."""


@dataclass(frozen=True)
class BlockSums:
    """Sums of a block of ranks.

    (k,) each: seconds and samples over all steps, and over the first epoch's. (S,): the longest own time (data +
    compute) of any of the ranks at each step.
    """

    seconds: dict[str, Floats]
    samples: Integers
    cold_seconds: Floats
    cold_samples: Integers
    longest: Floats

    @classmethod
    def of(cls, block: Mapping[str, npt.NDArray[Any]], epoch: Integers) -> BlockSums:
        """Return the sums of (k, S) arrays by name, float32 seconds and integer samples; ``epoch`` is that of each
        step, (S,).
        """
        first = first_epoch(epoch)
        # NumPy sums float32 rows pairwise, which is exact to the 1e-7 that float32 has.
        seconds = {name: np.add.reduce(block[name], axis=1) for name in STEP_TIMES}
        own = block["data"] + block["compute"]
        return cls(
            seconds,
            np.add.reduce(block["samples"], axis=1, dtype=np.int64),
            np.add.reduce(block["total"][:, first], axis=1),
            np.add.reduce(block["samples"][:, first], axis=1, dtype=np.int64),
            np.maximum.reduce(own, axis=0, initial=0.0),
        )


@dataclass(frozen=True)
class StepSums:
    """Sums of all ranks, (R,), float64 seconds, over all steps and over the first epoch's.

    ``critical_s`` is the sum over the steps of the longest own time of any rank, s: the length of the run if
    communication took no time.
    """

    seconds: dict[str, npt.NDArray[np.float64]]
    samples: npt.NDArray[np.int64]
    cold_seconds: npt.NDArray[np.float64]
    cold_samples: npt.NDArray[np.int64]
    critical_s: float
    steps: int
    later_epochs: bool


def first_epoch(epoch: Integers) -> slice | npt.NDArray[np.bool_]:
    """Return which steps belong to the first epoch, (S,): a slice if they are contiguous, which selects
    without a copy.
    """
    mask = epoch == epoch[0] if len(epoch) else np.zeros(0, bool)
    count = int(mask.sum())
    return slice(0, count) if mask[:count].all() else mask


def add_up_blocks(ranks: int, epoch: Integers, blocks: Iterable[tuple[int, BlockSums]]) -> StepSums:
    """Return the sums of all ranks from blocks, each given with its first rank, in any order."""
    seconds = {name: np.zeros(ranks) for name in STEP_TIMES}
    samples, cold_samples = np.zeros(ranks, np.int64), np.zeros(ranks, np.int64)
    cold_seconds = np.zeros(ranks)
    longest = np.zeros(len(epoch))
    for start, block in blocks:
        place = slice(start, start + len(block.samples))
        for name, values in block.seconds.items():
            seconds[name][place] = values
        samples[place], cold_samples[place] = block.samples, block.cold_samples
        cold_seconds[place] = block.cold_seconds
        np.maximum(longest, block.longest, out=longest)
    later = bool(len(epoch)) and bool(np.any(epoch != epoch[0]))
    return StepSums(seconds, samples, cold_seconds, cold_samples, float(longest.sum()), len(epoch), later)


class StepDistribution(TypedDict):
    """How single steps of some ``ranks`` differ. ``own`` holds quantiles of each step's own time ÷ its rank's median,
    ``waiting_s`` those of the wait for gradients. ``own_median_s`` is the median over ranks of the ranks' medians.
    """

    ranks: int
    steps: int
    own_median_s: float
    own: list[float]
    waiting_s: list[float]


def step_distribution(own: Floats, waiting: Floats, epoch: Integers) -> StepDistribution:
    """Return the distribution of single steps, from some ranks' (r, S) times, s. The first epoch is left out if there
    is another.
    """
    warm = epoch != epoch[0]
    if warm.any():
        own, waiting = own[:, warm], waiting[:, warm]
    elif own.shape[1] > 1:
        # The first step warms up caches and compiles.
        own, waiting = own[:, 1:], waiting[:, 1:]
    medians = np.median(own, axis=1)
    grid = np.linspace(0, 1, QUANTILES)
    relative = own / np.where(medians > 0, medians, 1.0)[:, None]
    return {
        "ranks": int(own.shape[0]),
        "steps": int(own.shape[1]),
        "own_median_s": round_to_float32(float(np.median(medians))),
        "own": [round_to_float32(float(value)) for value in np.quantile(relative, grid)],
        "waiting_s": [round_to_float32(float(value)) for value in np.quantile(waiting, grid)],
    }


def round_to_float32(value: float) -> float:
    """Return the value with the six digits that float32 holds."""
    return float(f"{value:.6g}")
