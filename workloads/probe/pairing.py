"""Which nodes meet in which round, so that each round tests disjoint pairs and no pair meets twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def rounds_of_pairs(nodes: int, rounds: int | None = None) -> list[list[tuple[int, int]]]:
    """A one-factorisation of the complete graph (Kirkman 1847, the circle method): every pair once over all rounds.

    An even number of nodes has nodes − 1 rounds, an odd one as many rounds as nodes, in each of which one node rests.
    ``rounds`` takes the first of them only: after f + 1 rounds (one more where nodes rest), up to f faulty nodes are
    told from sound ones: a faulty node's pairs are all bad, and a sound node has met a different partner each time.
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
    """The items in order, ``at_once`` of them at a time; all together if that is None."""
    step = at_once or max(1, len(items))
    for start in range(0, len(items), step):
        yield items[start : start + step]
