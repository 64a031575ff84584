"""The extremes of many values, by the standard library alone: what only prints need not wait for NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_high


def three_numbers(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Return the least value, the median and the greatest; None without values. The median is one of the values: of an
    even number the upper one of the two in the middle.
    """
    return (min(values), median_high(values), max(values)) if values else None
