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
    def of(cls, block: Mapping[str, npt.NDArray[Any]], epoch: Integers, memory: Floats | None = None) -> BlockSums:
        """Return the sums of (k, S) arrays by name, float32 seconds and integer samples; ``epoch`` is that of each
        step, (S,). ``memory``, (k, S), is written over: who sums many blocks spares the system new pages for each.
        """
        first = first_epoch(epoch)
        # NumPy sums float32 rows pairwise, which is exact to the 1e-7 that float32 has.
        seconds = {name: np.add.reduce(block[name], axis=1) for name in STEP_TIMES}
        own = np.add(block["data"], block["compute"], out=memory)
        return cls(
            seconds,
            add_whole_numbers(block["samples"]),
            np.add.reduce(block["total"][:, first], axis=1),
            add_whole_numbers(block["samples"][:, first]),
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


def add_whole_numbers(values: Integers) -> Integers:
    """Return the sums of (k, S) whole numbers over their steps, (k,) int64."""
    steps = values.shape[1]
    largest = max(-int(values.min(initial=0)), int(values.max(initial=0)))
    # Sums that fit 32 bits are added in them, which takes a third of the time.
    kind = np.int32 if values.dtype == np.int32 and largest * steps < 2**31 else np.int64
    sums: npt.NDArray[np.int64] = np.add.reduce(values, axis=1, dtype=kind).astype(np.int64)
    return sums


def first_epoch(epoch: Integers) -> slice | npt.NDArray[np.bool_]:
    """Return which steps belong to the first epoch, (S,): a slice if they are contiguous, which selects
    without a copy.
    """
    mask = epoch == epoch[0] if len(epoch) else np.zeros(0, bool)
    count = int(mask.sum())
    return slice(0, count) if mask[:count].all() else mask


def join_blocks(blocks: Iterable[BlockSums]) -> BlockSums:
    """Return the sums of neighbouring blocks, given in order of their ranks, as those of one block. At least one."""
    seconds: dict[str, list[Floats]] = {name: [] for name in STEP_TIMES}
    samples, cold_seconds, cold_samples = [], [], []
    longest: Floats | None = None
    for block in blocks:
        for name, values in block.seconds.items():
            seconds[name].append(values)
        samples.append(block.samples)
        cold_seconds.append(block.cold_seconds)
        cold_samples.append(block.cold_samples)
        longest = block.longest if longest is None else np.maximum(longest, block.longest)
    assert longest is not None
    return BlockSums(
        {name: np.concatenate(parts) for name, parts in seconds.items()},
        np.concatenate(samples),
        np.concatenate(cold_seconds),
        np.concatenate(cold_samples),
        longest,
    )


def add_up_blocks(epoch: Integers, blocks: Iterable[BlockSums]) -> StepSums:
    """Return the sums of all ranks from blocks in order of their ranks; ``epoch`` is that of each step, (S,)."""
    whole = join_blocks(blocks)
    return StepSums(
        seconds={name: values.astype(np.float64) for name, values in whole.seconds.items()},
        samples=whole.samples.astype(np.int64),
        cold_seconds=whole.cold_seconds.astype(np.float64),
        cold_samples=whole.cold_samples.astype(np.int64),
        critical_s=float(whole.longest.astype(np.float64).sum()),
        steps=len(epoch),
        later_epochs=bool(len(epoch)) and bool(np.any(epoch != epoch[0])),
    )


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
