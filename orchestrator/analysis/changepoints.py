"""Finds where a series of weeks changed its level: optimal partitioning of a piecewise constant signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.statistics import MAD_TO_SIGMA

Floats = npt.NDArray[np.float64]

PENALTY = 6.0
"""Times σ²·ln n that a further segment must save. BIC's would be 2 to 3; here σ is estimated from short series, and
tests/benchmarks/history_rates.py measures the false rate at this value.
"""
MINIMUM_LENGTH = 2
MINIMUM_EFFECT = 0.02
OUTLIER = 3.0
NEIGHBOURS = 2


@dataclass(frozen=True)
class ChangePoint:
    """The first index at the new level, and the relative change of the level."""

    index: int
    change: float


def find_change_points(values: Sequence[float], minimum_effect: float = MINIMUM_EFFECT) -> list[ChangePoint]:
    """Changes of level of at least ``minimum_effect`` in positive values, oldest first.

    Exact minimum of squared error + penalty over all segmentations (optimal partitioning: Jackson et al. 2005; PELT,
    Killick et al. 2012, prunes the same search), O(n²) and vectorised, on logarithms. A lone outlier is replaced by
    its neighbours' median first (Hampel's filter), so that one bad week is not two changes. The newest value alone is
    never a change, nor does it make its neighbour one: ``regression.compare_series`` judges the newest set. Raises
    ValueError if a value is not positive.
    """
    data = np.asarray(values, np.float64)
    if data.size and not np.all(data > 0):
        raise ValueError(f"a throughput or time is positive, not {data.min()}")
    if data.size < 2 * MINIMUM_LENGTH:
        return []
    logs = np.log(data)
    sigma = estimate_noise(logs)
    logs = replace_outliers(logs, sigma)
    penalty = PENALTY * max(sigma, 1e-12) ** 2 * float(np.log(len(logs)))
    starts = find_segments(logs, penalty)
    if starts[-1] == len(logs) - MINIMUM_LENGTH and abs(logs[-1] - logs[-2]) > OUTLIER * np.sqrt(2) * sigma:
        # No segment is so short that it could hold the newest alone: it would take its neighbour along.
        logs = logs[:-1]
        starts = find_segments(logs, penalty)
    return merge_levels(logs, starts, minimum_effect)


def estimate_noise(logs: Floats) -> float:
    """Return the standard deviation around the level. It is estimated from first differences, which changes of level
    hardly affect.
    """
    differences = np.diff(logs)
    return float(MAD_TO_SIGMA * np.median(np.abs(differences - np.median(differences))) / np.sqrt(2))


def replace_outliers(logs: Floats, sigma: float) -> Floats:
    """Return the values with each one that is further than 3 σ from the median of the five around it replaced by that
    median. The two values at either end stay.
    """
    result: Floats = logs.copy()
    for index in range(NEIGHBOURS, len(logs) - NEIGHBOURS):
        middle = float(np.median(logs[index - NEIGHBOURS : index + NEIGHBOURS + 1]))
        if abs(logs[index] - middle) > OUTLIER * sigma:
            result[index] = middle
    return result


def find_segments(logs: Floats, penalty: float) -> list[int]:
    """Return the first index of each segment, for the least sum of squared error and ``penalty`` per segment."""
    n = len(logs)
    sums = np.concatenate([[0.0], np.cumsum(logs)])
    squares = np.concatenate([[0.0], np.cumsum(logs**2)])
    best = np.full(n + 1, np.inf)
    best[0] = -penalty
    origin = np.zeros(n + 1, np.int64)
    for end in range(MINIMUM_LENGTH, n + 1):
        start = np.arange(0, end - MINIMUM_LENGTH + 1)
        length = end - start
        cost = squares[end] - squares[start] - (sums[end] - sums[start]) ** 2 / length
        candidates = best[start] + cost + penalty
        origin[end] = int(np.argmin(candidates))
        best[end] = candidates[origin[end]]
    starts = []
    end = n
    while end > 0:
        end = int(origin[end])
        starts.append(end)
    return starts[::-1]


def merge_levels(logs: Floats, starts: list[int], minimum_effect: float) -> list[ChangePoint]:
    """Merge neighbouring segments whose levels differ by less than ``minimum_effect``, least difference first; return
    the changes that remain.
    """
    while len(starts) > 1:
        means = [float(np.mean(part)) for part in np.split(logs, starts[1:])]
        steps = np.diff(means)
        least = int(np.argmin(np.abs(steps)))
        if abs(np.expm1(steps[least])) >= minimum_effect:
            return [ChangePoint(start, float(np.expm1(step))) for start, step in zip(starts[1:], steps, strict=True)]
        del starts[least + 1]
    return []
