"""Values that several entries hold, and how they are read by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

Interval = list[float]
"""Low and high end of a 95 % interval."""


class Spread(TypedDict):
    """Median and geometric mean of n runs, and the 95 % interval of that mean; null where there is one value."""

    median: float
    mean: float
    interval: Interval | None
    n: int


class SplitEntry(TypedDict):
    """The parts of a run's time, s: means over ranks. Straggling and communication are the parts of waiting."""

    compute: float
    data: float
    straggling: float
    communication: float
    evaluation: float
    other: float


def values_of(entry: Mapping[str, object], names: Iterable[str]) -> list[Any]:
    """Values of an entry by names that are only known when the program runs, such as a table's columns; None for a key
    that is not there.
    """
    return [entry.get(name) for name in names]
