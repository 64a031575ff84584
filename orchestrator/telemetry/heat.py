"""Reads the part of a run's telemetry that a page draws, in slices, so that a large file stays on disk."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from orchestrator.records import SAMPLES, throughput_unit

MOST_RANKS = 64
MOST_STEPS = 200


@dataclass(frozen=True)
class ThroughputMap:
    """Throughput in blocks of ranks × steps, in ``unit``.

    ``ranks`` and ``steps`` hold the first of each block, ``rank_count`` and ``step_count`` are the run's. A block's
    value is its samples ÷ its seconds, the mean rate of its ranks; None if no time passed.
    """

    unit: str
    values: list[list[float | None]]
    ranks: list[int]
    steps: list[int]
    rank_count: int
    step_count: int


def throughput_map(path: Path) -> ThroughputMap | None:
    """Return throughput in at most 64 × 200 blocks; None if the file is missing or damaged."""
    import numpy as np

    from orchestrator.telemetry.file import DAMAGE, attribute, bounded_telemetry

    try:
        with bounded_telemetry(path) as file:
            total, samples = file["step/total"], file["step/samples"]
            ranks, steps = total.shape
            unit = throughput_unit(str(attribute(file, "unit") or SAMPLES))
            if not ranks or not steps:
                return None
            rows = np.unique(np.linspace(0, ranks, min(ranks, MOST_RANKS) + 1).astype(int))
            columns = np.unique(np.linspace(0, steps, min(steps, MOST_STEPS) + 1).astype(int))
            values: list[list[float | None]] = []
            for start, stop in itertools.pairwise(rows):
                seconds = np.add.reduceat(total[start:stop].sum(axis=0, dtype=np.float64), columns[:-1])
                count = np.add.reduceat(samples[start:stop].sum(axis=0, dtype=np.int64), columns[:-1])
                rate = np.divide(count, seconds, out=np.full_like(seconds, np.nan), where=seconds > 0)
                values.append([float(f"{value:.4g}") if value == value else None for value in rate])
    except DAMAGE:
        return None
    return ThroughputMap(
        unit=unit,
        values=values,
        ranks=[int(row) for row in rows[:-1]],
        steps=[int(step) for step in columns[:-1]],
        rank_count=int(ranks),
        step_count=int(steps),
    )
