"""Divides the pairs of nodes into rounds of disjoint pairs, so that no pair meets twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def rounds_of_pairs(nodes: int, rounds: int | None = None) -> list[list[tuple[int, int]]]:
    """Return a one-factorisation of the complete graph (Kirkman 1847, the circle method): every pair once over all
    rounds.

    An even number of nodes has nodes − 1 rounds. An odd number has as many rounds as nodes, and in each of them one
    node rests. ``rounds`` selects the first ones only. After f + 1 rounds (one more if nodes rest) up to f faulty nodes
    can be told from sound ones: all pairs of a faulty node are bad, and a sound node has met a different partner each
    time.
    """
    if nodes < 2:
        return []
    seats = nodes + nodes % 2
    found = []
    for turn in range(seats - 1):
        ring = [seats - 1, *((turn + place) % (seats - 1) for place in range(seats - 1))]
        # Folding the ring: the fixed seat meets the first, the second the last, and so on inwards.
        pairs = [(ring[0], ring[1])] + [(ring[place + 1], ring[seats - place]) for place in range(1, seats // 2)]
        met = [(min(pair), max(pair)) for pair in pairs if max(pair) < nodes]
        found.append(sorted(met))
    return found if rounds is None else found[:rounds]


def turns(items: Sequence[Item], at_once: int | None) -> Iterator[Sequence[Item]]:
    """Yield the items in order, ``at_once`` of them at a time; all together if that is None."""
    step = at_once or max(1, len(items))
    for start in range(0, len(items), step):
        yield items[start : start + step]
