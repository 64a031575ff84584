"""Throughput from step times: per rank, per node and for the whole run; the first epoch apart from later ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Throughput:
    """Samples per second of the timed region, which is the training steps: evaluation and start-up are not in it.

    ``cold`` covers the first epoch that the attempt trained (caches empty, first step included), ``warm`` the later
    ones; None where there is no such epoch.
    """

    run: float | None
    cold: float | None
    warm: float | None
    per_rank: list[float]


def rate(total: Floats, samples: Integers) -> float | None:
    """Samples of all ranks ÷ seconds of the slowest rank, from (R, S) step times and samples; None without steps."""
    if total.size == 0:
        return None
    seconds = float(np.max(np.sum(total, axis=1, dtype=np.float64)))
    return float(np.sum(samples, dtype=np.int64)) / seconds if seconds > 0 else None


def throughput(total: Floats, samples: Integers, epoch: Integers) -> Throughput:
    """From (R, S) arrays: seconds and samples of each step, and the epoch it belongs to."""
    if total.shape[1] == 0:
        return Throughput(None, None, None, [0.0] * total.shape[0])
    first = epoch[0] == epoch[0, 0]
    seconds = np.sum(total, axis=1, dtype=np.float64)
    per_rank = np.sum(samples, axis=1) / np.where(seconds > 0, seconds, np.inf)
    return Throughput(
        run=rate(total, samples),
        cold=rate(total[:, first], samples[:, first]),
        warm=rate(total[:, ~first], samples[:, ~first]),
        per_rank=[float(value) for value in per_rank],
    )
