"""Weak and strong scaling efficiency, always relative to the smallest scale that was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.intervals import Basis, interval_of, ratio_of
from orchestrator.analysis.statistics import CONFIDENCE


@dataclass(frozen=True)
class Efficiency:
    """Efficiency at ``nodes`` relative to ``base_nodes``, from ``n`` repeats.

    ``interval`` is the 95 % interval, None if either scale has a single repeat. ``basis``: what it was made of.
    """

    nodes: int
    efficiency: float
    interval: tuple[float, float] | None
    n: int
    base_nodes: int
    basis: Basis = "repeats"


def efficiencies(
    throughput: Mapping[int, Sequence[float]], days: Mapping[int, Sequence[str]] | None = None
) -> list[Efficiency]:
    """Return T(N)·N₀ ÷ (N·T(N₀)) of the geometric mean throughputs by node count; ``days`` are those of the values.

    With T in samples/s this is the weak efficiency if the batch per rank was constant. It equals the strong efficiency
    t(N₀)·N₀ ÷ (N·t(N)) if the global batch was constant, since an epoch has the same samples. Raises ValueError for a
    throughput that is not positive.
    """
    for nodes, values in throughput.items():
        if not np.all(np.isfinite(values)) or not all(value > 0 for value in values):
            raise ValueError(f"a throughput is positive; at {nodes} nodes there are {list(values)}")
    scales = sorted(nodes for nodes, values in throughput.items() if len(values))
    if not scales:
        return []
    base = scales[0]
    results = [Efficiency(base, 1.0, (1.0, 1.0), len(throughput[base]), base)]
    for nodes in scales[1:]:
        values, below = throughput[nodes], throughput[base]
        if min(len(values), len(below)) < 2:
            ratio = float(np.exp(np.mean(np.log(values)) - np.mean(np.log(below)))) * base / nodes
            results.append(Efficiency(nodes, ratio, None, len(values), base))
            continue
        of_days = (days[nodes], days[base]) if days is not None else (None, None)
        found = ratio_of(values, below, *of_days).shifted(float(np.log(base / nodes)))
        ends = interval_of(found, CONFIDENCE, "low")
        results.append(Efficiency(nodes, found.value, ends, len(values), base, found.basis))
    return results
