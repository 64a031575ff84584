"""Finds the node or link that stands out from its fleet, from the measurements of probes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Pair = tuple[int, int]


def bus_bandwidth(seconds: Floats | float, size: int, ranks: int) -> Floats:
    """Return the bytes/s per link direction that an allreduce of ``size`` bytes over ``ranks`` implies.

    The definition is that of nccl-tests: algbw = size ÷ seconds, busbw = algbw · 2(n − 1) ÷ n.
    """
    return np.asarray(size / np.asarray(seconds, np.float64) * 2 * (ranks - 1) / ranks)


def node_rates(rates: Floats, ranks_per_node: int) -> Floats:
    """Return (N, K) rates by node from (R, K) rates by rank: that of the node's slowest rank.

    Ranks without a value are ignored. A node without any value is NaN.
    """
    grouped = np.asarray(rates, np.float64).reshape(-1, ranks_per_node, rates.shape[1])
    missing = np.isnan(grouped).all(axis=1)
    return np.where(missing, np.nan, np.nanmin(np.where(np.isnan(grouped), np.inf, grouped), axis=1))


def relative_to_others(values: Floats) -> Floats:
    """Return each of (N, K) values ÷ the median of the other nodes' values in its round; same shape.

    Whatever slows all nodes alike cancels. NaN for a single node.
    """
    nodes = len(values)
    if nodes < 2:
        return np.full_like(values, np.nan, dtype=np.float64)
    if np.isnan(values).all():
        return np.full_like(values, np.nan, dtype=np.float64)
    others = [np.delete(values, node, axis=0) for node in range(nodes)] if nodes <= 64 else [values] * nodes
    return np.stack([row / np.nanmedian(rest, axis=0) for row, rest in zip(values, others, strict=True)])


def pair_rates(partner: Floats, seconds: Floats, ranks_per_node: int) -> dict[Pair, Floats]:
    """Return (K,) messages/s for each pair of nodes, from (R, rounds) partners and (R, rounds, K) seconds.

    The ranks of a pair measure the same messages; their mean counts, as in nccl-tests.
    """
    by_pair: dict[Pair, list[Floats]] = {}
    for rank, (met, spent) in enumerate(zip(partner, seconds, strict=True)):
        node = rank // ranks_per_node
        for other, values in zip(met, spent, strict=True):
            if other >= 0:
                pair = (min(node, int(other)), max(node, int(other)))
                by_pair.setdefault(pair, []).append(values)
    return {pair: 1 / np.mean(values, axis=0) for pair, values in sorted(by_pair.items())}


def best_links(pairs: Mapping[Pair, Floats], nodes: int) -> Floats:
    """Return the rate of each node's best pair in each repeat, (N, K).

    No pair of a faulty node is fast. A sound node has a fast pair if it met another sound node. NaN for a node without
    pairs.
    """
    repeats = len(next(iter(pairs.values())))
    rows = []
    for node in range(nodes):
        own = [values for pair, values in pairs.items() if node in pair]
        rows.append(np.max(own, axis=0) if own else np.full(repeats, np.nan))
    return np.stack(rows)


def bad_links(pairs: Mapping[Pair, Floats], fleet: float, least: float, sound: Sequence[int]) -> dict[Pair, float]:
    """Return the pairs of sound nodes whose best repeat is below ``least`` × ``fleet``, with that ratio.

    Their links are at fault. Interference can only slow a link, so one fast repeat clears it.
    """
    return {
        pair: float(np.max(values) / fleet)
        for pair, values in pairs.items()
        if set(pair) <= set(sound) and np.max(values) < least * fleet
    }
