"""What a report's document says of slow ranks and hosts."""

from __future__ import annotations

from typing import Literal, TypedDict


class StragglerEntry(TypedDict):
    """A rank or host that was slow by itself in a run."""

    kind: Literal["rank", "host"]
    run: str
    rank: int | None
    host: str
    excess: float
    cause: str | None
    text: str
    cost_s: float | None


class RankSpreadEntry(TypedDict):
    """How far the ranks of a run differ (relative standard deviation; None of two), and from which excess on a slow one
    is found in 95 of 100 such runs. ``text``: the slowest rank, where it may be chance that it is slow.
    """

    run: str
    ranks: int
    spread: float | None
    detectable: float | None
    text: str | None


class SlowHostEntry(TypedDict):
    """A host that was slow in most of the runs that it took part in."""

    over: Literal["campaign", "history"]
    host: str
    excess: float
    slow: int
    runs: int
    of_runs: int
    text: str
