"""Ranks and hosts that are slow by themselves, told apart from those that wait for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.losses import straggling_seconds
from orchestrator.analysis.statistics import MAD_TO_SIGMA

Floats = npt.NDArray[np.floating]

Z_LIMIT = 3.5
"""Modified z-score beyond which a value is an outlier (Iglewicz and Hoaglin 1993)."""
MINIMUM_EXCESS = 0.05
"""What is less than 5 % slower than the fleet is nobody's business (design.md)."""
SPREAD_FLOOR = 0.01
"""Least spread of a fleet, of its median: fleets of two or three have next to none of their own."""
MINIMUM_RUNS = 3
"""A host is judged over at least so many runs."""
MAJORITY = 0.5


@dataclass(frozen=True)
class RankTime:
    """A rank beside its fleet: own time (data + compute, s), how much beyond the others' median, and its waiting (s).

    ``cause`` is "data" or "compute", whichever the excess is mostly made of; None of a rank that is no straggler.
    ``waits`` marks a rank that mostly waited for stragglers in its waiting.
    """

    rank: int
    own_s: float
    excess: float
    z: float
    straggler: bool
    cause: str | None
    waiting_s: float
    waits: bool


@dataclass(frozen=True)
class HostRecord:
    """A host over runs: median excess over the fleet in the ``slow`` of ``runs`` in which it was a straggler."""

    host: str
    excess: float
    slow: int
    runs: int

    def __str__(self) -> str:
        """One line for people."""
        return f"host {self.host} is {100 * self.excess:.0f} % slower than the fleet in {self.slow} of {self.runs} runs"


def excess_over_others(values: Floats) -> tuple[Floats, Floats]:
    """(R,) excess of each value over the median of the others, and its robust z-score among them.

    Leaving the value itself out keeps a slow rank among few from hiding in the median that it is compared with.
    """
    values = np.asarray(values, np.float64)
    count = len(values)
    if count < 2:
        return np.zeros(count), np.zeros(count)
    centre, spread = spread_of_others(values)
    floor = SPREAD_FLOOR * np.abs(centre)
    scale = np.maximum(spread, np.where(floor > 0, floor, np.finfo(float).tiny))
    excess = np.where(centre > 0, values / np.where(centre > 0, centre, 1.0) - 1, 0.0)
    return excess, (values - centre) / scale


def spread_of_others(values: Floats) -> tuple[Floats, Floats]:
    """(R,) median and scaled MAD of all values but each one's own. Large fleets use the whole: it is the same there."""
    count = len(values)
    if count > 64:
        centre = float(np.median(values))
        spread = MAD_TO_SIGMA * float(np.median(np.abs(values - centre)))
        return np.full(count, centre), np.full(count, spread)
    left = np.asarray([np.delete(values, index) for index in range(count)])
    centres = np.median(left, axis=1)
    return centres, MAD_TO_SIGMA * np.median(np.abs(left - centres[:, None]), axis=1)


def rank_times(data: Floats, compute: Floats, waiting: Floats) -> list[RankTime]:
    """Judge every rank from (R, S) step times or (R,) sums, s.

    A straggler is a rank whose own time is beyond the others' by a robust z-score above 3.5 and at least 5 %. A rank
    that waits has short own time and much waiting, and is none.
    """
    straggling = total_by_rank(straggling_seconds(data, compute, waiting))
    loading, computing, waited = (total_by_rank(values) for values in (data, compute, waiting))
    own = loading + computing
    excess, z = excess_over_others(own)
    late = (z > Z_LIMIT) & (excess >= MINIMUM_EXCESS)
    causes = np.where(loading - np.median(loading) > computing - np.median(computing), "data", "compute")
    result = []
    for rank in range(len(own)):
        mostly = straggling[rank] > 0.5 * waited[rank] and straggling[rank] > MINIMUM_EXCESS * own[rank]
        result.append(
            RankTime(
                rank,
                float(own[rank]),
                float(excess[rank]),
                float(z[rank]),
                bool(late[rank]),
                str(causes[rank]) if late[rank] else None,
                float(straggling[rank]),
                bool(mostly and not late[rank]),
            )
        )
    return result


def total_by_rank(values: Floats) -> Floats:
    """(R,) sums of (R, S) or (R,) values."""
    values = np.asarray(values, np.float64)
    return values.sum(axis=1) if values.ndim == 2 else values


def host_excess(hosts: Sequence[str], own: Sequence[float] | Floats) -> dict[str, tuple[float, bool]]:
    """By host of one run: excess over the other hosts, and whether that makes it a straggler.

    ``hosts`` and ``own`` (data + compute, s) are by rank; a host is as slow as the median of its ranks.
    """
    by_host: dict[str, list[float]] = {}
    for host, value in zip(hosts, own, strict=True):
        by_host.setdefault(host, []).append(float(value))
    values = np.asarray([np.median(found) for found in by_host.values()])
    excess, z = excess_over_others(values)
    late = (z > Z_LIMIT) & (excess >= MINIMUM_EXCESS)
    return {host: (float(more), bool(slow)) for host, more, slow in zip(by_host, excess, late, strict=True)}


def slow_hosts(runs: Iterable[tuple[Sequence[str], Sequence[float] | Floats]]) -> list[HostRecord]:
    """Hosts that were stragglers in most of the runs that they took part in, slowest first.

    ``runs`` are (hosts by rank, own seconds by rank). A run is compared within itself alone, so runs of different
    benchmarks and scales may be mixed; one with a single host says nothing about it.
    """
    seen: dict[str, list[tuple[float, bool]]] = {}
    for hosts, own in runs:
        found = host_excess(hosts, own)
        if len(found) > 1:
            for host, judged in found.items():
                seen.setdefault(host, []).append(judged)
    records = []
    for host, verdicts in seen.items():
        slow = [excess for excess, late in verdicts if late]
        if len(verdicts) >= MINIMUM_RUNS and len(slow) > MAJORITY * len(verdicts):
            records.append(HostRecord(host, float(np.median(slow)), len(slow), len(verdicts)))
    return sorted(records, key=lambda record: -record.excess)


def excess_by_host(runs: Iterable[tuple[Sequence[str], Sequence[float] | Floats]]) -> Mapping[str, list[float]]:
    """For plots over weeks: each host's excess over the fleet in every run with more than one host, in order."""
    result: dict[str, list[float]] = {}
    for hosts, own in runs:
        found = host_excess(hosts, own)
        if len(found) > 1:
            for host, (excess, _) in found.items():
                result.setdefault(host, []).append(excess)
    return result
