"""Finds where a series of weeks changed its level: optimal partitioning of a piecewise constant signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.statistics import MAD_TO_SIGMA

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

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
    """Return the changes of level of one series, as find_all_change_points does."""
    return find_all_change_points([values], minimum_effect)[0]


def find_all_change_points(
    series: Sequence[Sequence[float]], minimum_effect: float = MINIMUM_EFFECT
) -> list[list[ChangePoint]]:
    """Return each series' changes of level of at least ``minimum_effect`` in positive values, oldest first.

    Exact minimum of squared error + penalty over all segmentations (optimal partitioning: Jackson et al. 2005; PELT,
    Killick et al. 2012, prunes the same search), O(n²) and vectorised over all series, on logarithms. A lone outlier is
    replaced by its neighbours' median first (Hampel's filter), so that one bad week is not two changes. The newest
    value alone is never a change, nor does it make its neighbour one: ``regression.compare_series`` judges the newest
    set. Raises ValueError if a value is not positive.
    """
    logs = [positive_logs(values) for values in series]
    judged = {place: values for place, values in enumerate(logs) if len(values) >= 2 * MINIMUM_LENGTH}
    sigmas = {place: estimate_noise(values) for place, values in judged.items()}
    judged = {place: replace_outliers(values, sigmas[place]) for place, values in judged.items()}
    penalties = [PENALTY * max(sigmas[place], 1e-12) ** 2 * np.log(len(values)) for place, values in judged.items()]
    origins = find_origins(list(judged.values()), np.asarray(penalties))
    found: list[list[ChangePoint]] = [[] for _ in logs]
    for (place, values), origin in zip(judged.items(), origins, strict=True):
        length = len(values)
        starts = first_indices(origin, length)
        jump = abs(values[-1] - values[-2])
        if starts[-1] == length - MINIMUM_LENGTH and jump > OUTLIER * np.sqrt(2) * sigmas[place]:
            # No segment is so short that it could hold the newest alone: it would take its neighbour along.
            length -= 1
            starts = first_indices(origin, length)
        found[place] = merge_levels(values[:length], starts, minimum_effect)
    return found


def positive_logs(values: Sequence[float]) -> Floats:
    """Return the logarithms. Raises ValueError if a value is not positive."""
    data = np.asarray(values, np.float64)
    if data.size and not np.all(data > 0):
        raise ValueError(f"a throughput or time is positive, not {data.min()}")
    return np.log(data)


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
    if len(logs) > 2 * NEIGHBOURS:
        middle = np.median(np.lib.stride_tricks.sliding_window_view(logs, 2 * NEIGHBOURS + 1), axis=1)
        inner = logs[NEIGHBOURS:-NEIGHBOURS]
        result[NEIGHBOURS:-NEIGHBOURS] = np.where(np.abs(inner - middle) > OUTLIER * sigma, middle, inner)
    return result


def find_origins(series: Sequence[Floats], penalties: Floats) -> Whole:
    """Return (S, W + 1): where the last segment begins of the best segmentation of a series' first 0 … W values, which
    has the least sum of squared error and penalty per segment. Shorter series say nothing beyond their own lengths.
    """
    length = max(map(len, series), default=0)
    logs = np.zeros((len(series), length))
    for row, values in enumerate(series):
        logs[row, : len(values)] = values
    sums = np.pad(np.cumsum(logs, axis=1), ((0, 0), (1, 0)))
    squares = np.pad(np.cumsum(logs**2, axis=1), ((0, 0), (1, 0)))
    best = np.full((len(series), length + 1), np.inf)
    best[:, 0] = -penalties
    origins = np.zeros((len(series), length + 1), np.int64)
    rows = np.arange(len(series))
    for end in range(MINIMUM_LENGTH, length + 1):
        until = end - MINIMUM_LENGTH + 1
        lengths = end - np.arange(until)
        errors = squares[:, end, None] - squares[:, :until] - (sums[:, end, None] - sums[:, :until]) ** 2 / lengths
        candidates = best[:, :until] + errors + penalties[:, None]
        origins[:, end] = np.argmin(candidates, axis=1)
        best[:, end] = candidates[rows, origins[:, end]]
    return origins


def first_indices(origins: Whole, length: int) -> list[int]:
    """Return the first index of each segment of a series' first ``length`` values."""
    starts = []
    while length > 0:
        length = int(origins[length])
        starts.append(length)
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
