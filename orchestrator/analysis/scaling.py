"""Weak and strong scaling efficiency, always relative to the smallest scale that was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analysis.statistics import ratio_interval


@dataclass(frozen=True)
class Efficiency:
    """Efficiency at ``nodes`` relative to ``base_nodes``, from ``n`` repeats.

    ``interval`` is the 95 % bootstrap interval, None if either scale has a single repeat.
    """

    nodes: int
    efficiency: float
    interval: tuple[float, float] | None
    n: int
    base_nodes: int


def efficiencies(throughput: Mapping[int, Sequence[float]]) -> list[Efficiency]:
    """Return T(N)·N₀ ÷ (N·T(N₀)) of the median throughputs by node count.

    With T in samples/s this is the weak efficiency if the batch per rank was constant. It equals the strong efficiency
    t(N₀)·N₀ ÷ (N·t(N)) if the global batch was constant, since an epoch has the same samples.
    """
    scales = sorted(nodes for nodes, values in throughput.items() if values)
    if not scales:
        return []
    base = scales[0]
    results = []
    for nodes in scales:
        ratio = ratio_interval(throughput[nodes], throughput[base], base / nodes)
        # The base relative to itself is 1 by definition, however uncertain it is.
        interval = (1.0, 1.0) if nodes == base else ratio.interval
        results.append(Efficiency(nodes, 1.0 if nodes == base else ratio.median, interval, ratio.n, base))
    return results
