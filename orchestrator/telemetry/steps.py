"""Sums over the steps of every rank, from blocks of ranks: what collecting keeps of telemetry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from orchestrator.records import STEP_TIMES

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]

QUANTILES = 33
"""Points of a stored distribution, evenly spaced in probability, least and greatest value included."""


@dataclass(frozen=True)
class BlockSums:
    """Of a block of ranks, (k,) each: seconds and samples over all steps and over the first epoch's; and (S,) the
    longest own time (data + compute) of any of them at each step.
    """

    seconds: dict[str, Floats]
    samples: Integers
    cold_seconds: Floats
    cold_samples: Integers
    longest: Floats

    @classmethod
    def of(cls, block: Mapping[str, npt.NDArray[Any]], epoch: Integers) -> BlockSums:
        """From (k, S) arrays by name, float32 seconds and integer samples, and the epoch of each step, (S,)."""
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
    """The same of all ranks, (R,), float64 seconds. ``critical_s`` is the sum over the steps of the longest own time of
    any rank, s: with no time for communication and none wasted by chance, the run would take as long.
    """

    seconds: dict[str, npt.NDArray[np.float64]]
    samples: npt.NDArray[np.int64]
    cold_seconds: npt.NDArray[np.float64]
    cold_samples: npt.NDArray[np.int64]
    critical_s: float
    steps: int
    later_epochs: bool


def first_epoch(epoch: Integers) -> slice | npt.NDArray[np.bool_]:
    """Which steps belong to the first epoch, (S,): a slice where they lie together, which selects without a copy."""
    mask = epoch == epoch[0] if len(epoch) else np.zeros(0, bool)
    count = int(mask.sum())
    return slice(0, count) if mask[:count].all() else mask


def add_up_blocks(ranks: int, epoch: Integers, blocks: Iterable[tuple[int, BlockSums]]) -> StepSums:
    """All ranks' sums from blocks that come with their first rank, in any order."""
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


def step_distribution(own: Floats, waiting: Floats, epoch: Integers) -> dict[str, Any]:
    """How single steps differ, from some ranks' (r, S) times, s, the first epoch left out where there is another.

    ``own`` holds quantiles of each step's own time ÷ its rank's median, ``waiting_s`` of the wait for gradients;
    ``own_median_s`` is the median over ranks of the ranks' medians.
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
    """To the six digits that float32 is good for."""
    return float(f"{value:.6g}")
