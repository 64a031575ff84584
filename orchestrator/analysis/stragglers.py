"""Finds ranks and hosts that are slow by themselves, as opposed to those that wait for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.losses import straggling_seconds
from orchestrator.analysis.statistics import MAD_TO_SIGMA, t_quantile

Floats = npt.NDArray[np.floating]

ERROR, ERROR_OF_FEW = 0.01, 0.025
"""Probability that any rank of a fleet is named though all are alike; of a fleet of fewer than FEW, where the spread is
hardly known."""
FEW = 8
KNOWN = 0.37
"""Degrees of freedom per value that a scaled MAD has beside a standard deviation: its efficiency (Huber 1981)."""
MINIMUM_EXCESS = 0.01
"""Smallest excess over the fleet that counts."""
NOTICE = 0.05
"""Excess below which a straggler is a notice: it costs the run that share of its time, and is no fault of a node."""
SPREAD_FLOOR = 0.003
"""Smallest spread of a fleet, relative to its median: alike devices differ by a few tenths of a per cent."""
PART_FLOOR = 0.01
"""The same of one part of the own time, where it is told what made a rank slow."""
MINIMUM_RUNS = 3
"""Fewest runs over which a host is judged."""
MAJORITY = 0.5


@dataclass(frozen=True)
class RankTime:
    """A rank beside its fleet: own time (data + compute, s), its excess over the others' median, and its waiting (s).

    ``cost_s`` is by how much a straggler makes every rank of a synchronous run wait, s; 0 for others. ``cause`` is
    "data" or "compute", whichever stands out more of its own spread; None for a rank that is no straggler. ``waits``
    marks a rank whose communication time was mostly waiting for stragglers.
    """

    rank: int
    own_s: float
    excess: float
    z: float
    straggler: bool
    cause: str | None
    waiting_s: float
    waits: bool
    cost_s: float = 0.0


@dataclass(frozen=True)
class HostRecord:
    """A host over ``runs`` runs: it was a straggler in ``slow`` of them, with the median ``excess`` over the fleet."""

    host: str
    excess: float
    slow: int
    runs: int

    def __str__(self) -> str:
        """One line for people."""
        return f"host {self.host} is {100 * self.excess:.0f} % slower than the fleet in {self.slow} of {self.runs} runs"


def excess_over_others(values: Floats, floor: float = SPREAD_FLOOR) -> tuple[Floats, Floats]:
    """Return the (R,) excess of each value over the median of the others, and its distance from it in their spread.

    A value is left out of its own comparison, so that a slow rank among few does not hide in the median. ``floor`` is
    the smallest spread, relative to the median.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return np.zeros(len(values)), np.zeros(len(values))
    centre, spread = spread_of_others(values)
    least = floor * np.abs(centre)
    scale = np.maximum(spread, np.where(least > 0, least, np.finfo(float).tiny))
    excess = np.where(centre > 0, values / np.where(centre > 0, centre, 1.0) - 1, 0.0)
    return excess, (values - centre) / scale


def spread_of_others(values: Floats) -> tuple[Floats, Floats]:
    """Return the (R,) median and spread of all values but each one's own: scaled MAD, of fewer than FEW values the
    standard deviation. In large fleets all values are used, with the same result.
    """
    count = len(values)
    if count > 64:
        centre = float(np.median(values))
        spread = MAD_TO_SIGMA * float(np.median(np.abs(values - centre)))
        return np.full(count, centre), np.full(count, spread)
    left = np.asarray([np.delete(values, index) for index in range(count)])
    centres = np.median(left, axis=1)
    if count < FEW:
        deviations = np.asarray(left.std(axis=1, ddof=1)) if count > 2 else np.zeros(count)
        return centres, deviations * float(np.sqrt(1 + 1 / (count - 1)))
    return centres, MAD_TO_SIGMA * np.median(np.abs(left - centres[:, None]), axis=1)


def distance_limit(count: int) -> float:
    """Return the distance in the others' spread beyond which one of ``count`` ranks is slow: Student's t for the error
    of the whole fleet. Two ranks cannot be told apart: either may be the one that is as it should be.
    """
    if count < 3:
        return float("inf")
    if count < FEW:
        return t_quantile(1 - ERROR_OF_FEW / count, count - 2)
    return t_quantile(1 - ERROR / count, KNOWN * (count - 1))


def find_slow(values: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Return the (R,) excesses, distances, and which values are slow by themselves."""
    excess, distance = excess_over_others(values)
    return excess, distance, (distance > distance_limit(len(distance))) & (excess >= MINIMUM_EXCESS)


def rank_times(data: Floats, compute: Floats, waiting: Floats) -> list[RankTime]:
    """Judge every rank from (R, S) step times or (R,) sums, s.

    A straggler is a rank whose own time exceeds the others' by more than the spread of a fleet of that size explains
    (distance_limit). A rank that waits has a short own time and long communication, and is no straggler.
    """
    straggling = total_by_rank(straggling_seconds(data, compute, waiting))
    loading, computing, waited = (total_by_rank(values) for values in (data, compute, waiting))
    own = loading + computing
    excess, z, late = find_slow(own)
    # The part that stands out of its own spread; in seconds the larger part would always win.
    causes = np.where(
        excess_over_others(loading, PART_FLOOR)[1] > excess_over_others(computing, PART_FLOOR)[1], "data", "compute"
    )
    slowest_other = float(np.max(own[~late], initial=0.0))
    result = []
    for rank in range(len(own)):
        mostly = straggling[rank] > 0.5 * waited[rank] and straggling[rank] > NOTICE * own[rank]
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
                max(0.0, float(own[rank]) - slowest_other) if late[rank] else 0.0,
            )
        )
    return result


def total_by_rank(values: Floats) -> Floats:
    """Return the (R,) sums of (R, S) or (R,) values."""
    values = np.asarray(values, np.float64)
    return values.sum(axis=1) if values.ndim == 2 else values


def host_excess(hosts: Sequence[str], own: Sequence[float] | Floats) -> dict[str, tuple[float, bool]]:
    """Return by host of one run its excess over the other hosts, and whether it is a straggler.

    ``hosts`` and ``own`` (data + compute, s) are by rank. A host is as slow as the median of its ranks.
    """
    by_host: dict[str, list[float]] = {}
    for host, value in zip(hosts, own, strict=True):
        by_host.setdefault(host, []).append(float(value))
    values = np.asarray([np.median(found) for found in by_host.values()])
    excess, _, late = find_slow(values)
    return {host: (float(more), bool(slow)) for host, more, slow in zip(by_host, excess, late, strict=True)}


def slow_hosts(runs: Iterable[tuple[Sequence[str], Sequence[float] | Floats]]) -> list[HostRecord]:
    """Return the hosts that were stragglers in most of their runs, slowest first.

    ``runs`` are (hosts by rank, own seconds by rank). Each run is compared within itself, so runs of different
    benchmarks and scales may be mixed. A run with a single host is passed over.
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
    """Return each host's excess over the fleet in every run with more than one host, in order. Plots over
    weeks use it.
    """
    result: dict[str, list[float]] = {}
    for hosts, own in runs:
        found = host_excess(hosts, own)
        if len(found) > 1:
            for host, (excess, _) in found.items():
                result.setdefault(host, []).append(excess)
    return result
