"""The parts of the report's document that name slow ranks and hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from orchestrator.analysis.outliers import detectable_excess
from orchestrator.analysis.stragglers import (
    DOUBT,
    NOTICE,
    RANK_ERROR,
    HostRecord,
    host_excess,
    judge_ranks,
    rank_times,
    slow_hosts,
)
from orchestrator.report.entries import RankSpreadEntry, SlowHostEntry, StragglerEntry
from orchestrator.store.entries import HostHistoryRow, RunRow
from orchestrator.store.store import RunRecord

MOST_RANKS = 20
"""Most straggling ranks of one run that are named, the slowest first."""


def straggler_entries(record: RunRecord) -> list[StragglerEntry]:
    """Return hosts, then ranks, that were slow by themselves in one run, the slowest first."""
    run = record.run
    if run["state"] != "completed" or len(record.ranks) < 2:
        return []
    table = record.table
    seconds = table.step_seconds()
    if seconds is None:
        return []
    data, compute, waiting = seconds["data"], seconds["compute"], seconds["waiting"]
    hosts = table.column("host").tolist()
    entries = []
    for host, (excess, slow) in host_excess(hosts, data + compute).items():
        if slow:
            entries.append(straggler_entry(run, "host", None, host, excess, None, "hosts"))
    ranks = [item for item in rank_times(data, compute, waiting) if item.straggler]
    for item in sorted(ranks, key=lambda found: -found.excess)[:MOST_RANKS]:
        host, cost = hosts[item.rank], item.cost_s
        entries.append(
            straggler_entry(run, "rank", item.rank, host, item.excess, item.cause, "ranks", cost, len(hosts))
        )
    return entries


def straggler_entry(
    run: RunRow,
    kind: Literal["host", "rank"],
    rank: int | None,
    host: str,
    excess: float,
    cause: str | None,
    fleet: str,
    cost_s: float | None = None,
    ranks: int = 0,
) -> StragglerEntry:
    """Return one straggler, with its sentence. ``cost_s``: by how much it makes each of the run's ``ranks`` wait, s."""
    who = f"host {host}" if rank is None else f"rank {rank} on {host}"
    why = f" ({cause})" if cause else ""
    notice = "notice: " if excess < NOTICE else ""
    cost = f": {waiting_text(cost_s, ranks)}" if cost_s else ""
    text = f"{notice}{who} is {100 * excess:.0f} % slower by itself than the other {fleet}{why} in {run['run']}{cost}"
    return {
        "kind": kind,
        "run": run["run"],
        "rank": rank,
        "host": host,
        "excess": excess,
        "cause": cause,
        "text": text,
        "cost_s": cost_s,
    }


def waiting_text(seconds: float, ranks: int) -> str:
    """Return what a fleet loses to a rank that makes every other one wait so long."""
    return f"every rank waits {seconds:.2g} s for it, {seconds * (ranks - 1):.2g} s in all"


def rank_spread_entries(record: RunRecord) -> list[RankSpreadEntry]:
    """Return how far the ranks of one run differ and how slow one must be to be found: one entry, or none of a run
    that was not completed on several ranks.
    """
    run, seconds = record.run, record.table.step_seconds()
    if run["state"] != "completed" or len(record.ranks) < 2 or seconds is None:
        return []
    own = seconds["data"] + seconds["compute"]
    fleet = judge_ranks(own)
    slowest = int(np.argmax(own))
    excess = float(fleet.excess[slowest])
    spread, detectable, text = fleet.spread, fleet.detectable, None
    if excess >= DOUBT and not fleet.high[slowest]:
        host = record.table.column("host")[slowest]
        waits = waiting_text(float(own[slowest] - np.sort(own)[-2]), len(own))
        text = f"rank {slowest} on {host} is {100 * excess:.0f} % slower by itself than the other ranks in {run['run']}"
        # If it is slow, the spread is that of the others alone.
        spread = judge_ranks(np.delete(own, slowest)).spread
        detectable = None if spread is None else detectable_excess(len(own), spread, RANK_ERROR)
        text += f", {spread_text(len(own), spread, detectable)}: {waits}"
    return [{"run": run["run"], "ranks": len(own), "spread": spread, "detectable": detectable, "text": text}]


def spread_text(ranks: int, spread: float | None, detectable: float | None) -> str:
    """Return why the slowest of so many ranks is not named, given the spread of the others."""
    if spread is None or detectable is None:
        return f"and of {ranks} ranks it cannot be told which is as it should be"
    least = f"from {100 * detectable:.0f} % on it is none"
    return f"which differ by {100 * spread:.1f} %; of {ranks} ranks that may be chance, {least}"


def slow_host_entries(records: Sequence[RunRecord], fleet: Sequence[HostHistoryRow]) -> list[SlowHostEntry]:
    """Return the hosts slow in most of the campaign's runs, and in most of the runs of ``fleet``."""
    runs = []
    for record in records:
        if record.run["state"] == "completed" and len(record.ranks) > 1:
            table = record.table
            own = table.column("data_s").astype(np.float64) + table.column("compute_s")
            if np.all(np.isfinite(own)):
                runs.append((table.column("host").tolist(), own))
    found = [host_entry(item, "campaign", len(runs)) for item in slow_hosts(runs)]
    weeks = group_by_run(fleet)
    return found + [host_entry(item, "history", len(weeks)) for item in slow_hosts(weeks)]


def group_by_run(rows: Sequence[HostHistoryRow]) -> list[tuple[list[str], list[float]]]:
    """Return rows of Store.host_history as the hosts and own seconds of each run."""
    runs: dict[tuple[str, str, float], tuple[list[str], list[float]]] = {}
    for row in rows:
        if row["data_s"] is None or row["compute_s"] is None:
            continue
        hosts, own = runs.setdefault((row["campaign"], row["run"], row["created"]), ([], []))
        hosts.append(row["host"])
        own.append(row["data_s"] + row["compute_s"])
    return list(runs.values())


def host_entry(item: HostRecord, over: Literal["campaign", "history"], runs: int) -> SlowHostEntry:
    """Return a host's record, with its sentence."""
    return {
        "over": over,
        "host": item.host,
        "excess": item.excess,
        "slow": item.slow,
        "runs": item.runs,
        "of_runs": runs,
        "text": str(item),
    }
