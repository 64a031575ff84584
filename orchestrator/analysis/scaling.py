"""Weak and strong scaling efficiency, always relative to the smallest scale that was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Efficiency:
    """Efficiency at ``nodes`` relative to ``base_nodes``, from ``n`` repeats.

    ``interval`` is the 95 % bootstrap interval, None where either scale has a single repeat.
    """

    nodes: int
    efficiency: float
    interval: tuple[float, float] | None
    n: int
    base_nodes: int


def efficiencies(throughput: Mapping[int, Sequence[float]]) -> list[Efficiency]:
    """T(N)·N₀ ÷ (N·T(N₀)) of the median throughputs by node count.

    With T in samples/s this is weak efficiency where the batch per rank was constant, and equals strong efficiency
    t(N₀)·N₀ ÷ (N·t(N)) where the global batch was, since the samples of an epoch are the same.
    """
    scales = sorted(nodes for nodes, values in throughput.items() if values)
    if not scales:
        return []
    base = scales[0]
    reference = np.asarray(throughput[base], np.float64)
    results = []
    for nodes in scales:
        values = np.asarray(throughput[nodes], np.float64)
        ratio = float(np.median(values) * base / (nodes * np.median(reference)))
        interval = None
        if nodes == base:
            interval = (1.0, 1.0)
        elif len(values) > 1 and len(reference) > 1:
            interval = bootstrap(values, reference, base / nodes)
        results.append(Efficiency(nodes, ratio, interval, len(values), base))
    return results


def bootstrap(values: np.ndarray, reference: np.ndarray, factor: float) -> tuple[float, float]:
    """Percentile interval of factor · median(values) ÷ median(reference), both resampled (Efron 1979)."""
    random = np.random.Generator(np.random.PCG64(0))
    top = np.median(random.choice(values, (RESAMPLES, len(values))), axis=1)
    bottom = np.median(random.choice(reference, (RESAMPLES, len(reference))), axis=1)
    low, high = np.quantile(factor * top / bottom, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
