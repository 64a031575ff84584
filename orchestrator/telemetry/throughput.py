"""Throughput from step times: per rank, per node and for the whole run, with the first epoch apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.telemetry.steps import StepSums

Integers = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Throughput:
    """Samples per second of the training steps. Evaluation and start-up are not included.

    ``cold`` covers the first epoch of the attempt (caches empty, first step included), ``warm`` the later ones; None
    without such an epoch.
    """

    run: float | None
    cold: float | None
    warm: float | None
    per_rank: npt.NDArray[np.float64]


def combined_rate(seconds: npt.NDArray[np.float64], samples: Integers) -> float | None:
    """Return the samples of all ranks ÷ the seconds of the slowest rank, from (R,) sums; None if nothing was timed."""
    slowest = float(np.max(seconds, initial=0.0))
    return float(np.sum(samples, dtype=np.int64)) / slowest if slowest > 0 else None


def throughput_of(sums: StepSums) -> Throughput:
    """Return the throughput from every rank's sums over its steps."""
    seconds = sums.seconds["total"]
    return Throughput(
        run=combined_rate(seconds, sums.samples),
        cold=combined_rate(sums.cold_seconds, sums.cold_samples),
        warm=combined_rate(seconds - sums.cold_seconds, sums.samples - sums.cold_samples)
        if sums.later_epochs
        else None,
        per_rank=sums.samples / np.where(seconds > 0, seconds, np.inf),
    )
