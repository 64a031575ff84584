"""Finds ranks and hosts that are slow by themselves, as opposed to those that wait for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.losses import straggling_seconds
from orchestrator.analysis.outliers import Fleet, detectable_excess, find_high
from orchestrator.store.entries import HostHistoryRow

Floats = npt.NDArray[np.floating]

RANK_ERROR, HOST_ERROR = 0.006, 0.003
"""Probability that any rank, or any host, of a run is named though all are alike; together one run in a hundred."""
NOTICE = 0.05
"""Excess below which a straggler is a notice: it costs the run that share of its time, and is no fault of a node."""
DOUBT = 0.04
"""Excess from which the slowest rank of a run is worth a word where its fleet does not show whether it is chance."""
LEAST_COST_S = 0.05
"""What such a rank costs at least to be worth it, s: a few turns of another process on its core cost as much."""
PART_FLOOR = 0.01
"""Smallest spread of one part of the own time, relative to its mean, where it is told what made a rank slow."""
MINIMUM_RUNS = 3
"""Fewest runs over which a host is judged."""
MAJORITY = 0.5


@dataclass(frozen=True)
class RankTime:
    """A rank beside its fleet: own time (data + compute, s), its excess over the others' median, and its waiting (s).

    ``cost_s`` is by how much a straggler makes every rank of a synchronous run wait, s; 0 for others. ``cause`` is
    "data" or "compute", whichever stands out more of its own spread; None for a rank that is no straggler. ``waits``
    marks a rank whose waiting was mostly for stragglers.
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
class DoubtfulRank:
    """The slowest rank of a run whose fleet does not show whether that is chance: its ``excess`` over the others'
    median, and ``cost_s``, by how much it makes every rank wait, s.
    """

    rank: int
    excess: float
    cost_s: float


@dataclass(frozen=True)
class RankSpread:
    """How far the (R,) own times of a run differ: their relative standard deviation, and the excess of a single slow
    rank that is found in 95 of 100 such runs; None where too few ranks say nothing of it.

    With a ``doubtful`` rank both are of the others alone, which are the fleet if it is slow.
    """

    spread: float | None
    detectable: float | None
    doubtful: DoubtfulRank | None


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


def own_times(data: Floats, compute: Floats) -> Floats:
    """Return the (R,) own times of the ranks, s: their (R,) sums of both parts together."""
    return np.asarray(data + compute, np.float64)


def judge_ranks(own: Floats) -> Fleet:
    """Return which of the (R,) own times (data + compute) of a run are slow by themselves."""
    return find_high(own, RANK_ERROR)


def rank_times(data: Floats, compute: Floats, waiting: Floats) -> list[RankTime]:
    """Judge every rank from (R, S) step times or (R,) sums, s.

    A straggler is a rank whose own time exceeds the others' by more than the spread of a fleet of that size explains
    (outliers.py). A rank that waits has a short own time and a long wait, and is no straggler.
    """
    straggling = total_by_rank(straggling_seconds(data, compute, waiting))
    loading, computing, waited = (total_by_rank(values) for values in (data, compute, waiting))
    own = loading + computing
    fleet = judge_ranks(own)
    late = fleet.high
    # The part that stands out of its own spread; in seconds the larger part would always win.
    causes = np.where(part_distance(loading, ~late) > part_distance(computing, ~late), "data", "compute")
    slowest_other = float(np.max(own[~late], initial=0.0))
    result = []
    for rank in range(len(own)):
        mostly = straggling[rank] > 0.5 * waited[rank] and straggling[rank] > NOTICE * own[rank]
        result.append(
            RankTime(
                rank,
                float(own[rank]),
                float(fleet.excess[rank]),
                float(fleet.distance[rank]),
                bool(late[rank]),
                str(causes[rank]) if late[rank] else None,
                float(straggling[rank]),
                bool(mostly and not late[rank]),
                max(0.0, float(own[rank]) - slowest_other) if late[rank] else 0.0,
            )
        )
    return result


def spread_of_ranks(own: Floats) -> RankSpread:
    """Return how far the (R,) own times of a run differ, R at least 2, s. The slowest rank is doubtful where its excess
    is DOUBT or more, it costs every other one LEAST_COST_S, and it is no straggler.
    """
    fleet = judge_ranks(own)
    slowest = int(np.argmax(own))
    excess = float(fleet.excess[slowest])
    cost = float(own[slowest] - np.sort(own)[-2])
    if excess < DOUBT or cost < LEAST_COST_S or fleet.high[slowest]:
        return RankSpread(fleet.spread, fleet.detectable, None)
    spread = judge_ranks(np.delete(own, slowest)).spread
    detectable = None if spread is None else detectable_excess(len(own), spread, RANK_ERROR)
    return RankSpread(spread, detectable, DoubtfulRank(slowest, excess, cost))


def part_distance(values: Floats, usual: npt.NDArray[np.bool_]) -> Floats:
    """Return the (R,) distances of one part of the own time from its mean over the usual ranks, in their spread."""
    fleet = values[usual]
    mean = float(fleet.mean()) if fleet.size else 0.0
    spread = float(fleet.std(ddof=1)) if fleet.size > 1 else 0.0
    return np.asarray((values - mean) / max(spread, PART_FLOOR * mean, float(np.finfo(float).tiny)))


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
    fleet = find_high(values, HOST_ERROR)
    return {host: (float(more), bool(slow)) for host, more, slow in zip(by_host, fleet.excess, fleet.high, strict=True)}


def own_times_by_run(rows: Iterable[HostHistoryRow]) -> list[tuple[list[str], list[float]]]:
    """Return the hosts of each run and their own times, s, from rows of one host each (Store.host_history).

    A host that was not measured is left out.
    """
    runs: dict[tuple[str, str, float], tuple[list[str], list[float]]] = {}
    for row in rows:
        if row["data_s"] is None or row["compute_s"] is None:
            continue
        hosts, own = runs.setdefault((row["campaign"], row["run"], row["created"]), ([], []))
        hosts.append(row["host"])
        own.append(row["data_s"] + row["compute_s"])
    return list(runs.values())


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
