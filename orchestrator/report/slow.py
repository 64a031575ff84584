"""The parts of the report's document that name slow ranks and hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from orchestrator.analysis.stragglers import (
    NOTICE,
    Floats,
    HostRecord,
    host_excess,
    own_times,
    own_times_by_run,
    rank_times,
    slow_hosts,
    spread_of_ranks,
)
from orchestrator.report.entries.slow import RankSpreadEntry, SlowHostEntry, StragglerEntry
from orchestrator.store.entries import HostHistoryRow, RunRow
from orchestrator.store.store import RunRecord

MOST_RANKS = 20
"""Most straggling ranks of one run that are named, the slowest first."""


def comparable_seconds(record: RunRecord) -> Mapping[str, Floats] | None:
    """Return the seconds of a run's ranks by part, (R,) each; None of a run that was not completed and measured on
    several ranks.
    """
    if record.run["state"] != "completed" or len(record.ranks) < 2:
        return None
    return record.table.step_seconds()


def straggler_entries(record: RunRecord) -> list[StragglerEntry]:
    """Return hosts, then ranks, that were slow by themselves in one run, the slowest first."""
    run, seconds = record.run, comparable_seconds(record)
    if seconds is None:
        return []
    data, compute, waiting = seconds["data"], seconds["compute"], seconds["waiting"]
    hosts = record.table.column("host").tolist()
    entries = []
    for host, (excess, slow) in host_excess(hosts, own_times(data, compute)).items():
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
    run, seconds = record.run, comparable_seconds(record)
    if seconds is None:
        return []
    ranks = len(record.ranks)
    found = spread_of_ranks(own_times(seconds["data"], seconds["compute"]))
    text = None
    if found.doubtful:
        who = f"rank {found.doubtful.rank} on {record.table.column('host')[found.doubtful.rank]}"
        text = f"{who} is {100 * found.doubtful.excess:.0f} % slower by itself than the other ranks in {run['run']}"
        text += f", {spread_text(ranks, found.spread, found.detectable)}: {waiting_text(found.doubtful.cost_s, ranks)}"
    return [{"run": run["run"], "ranks": ranks, "spread": found.spread, "detectable": found.detectable, "text": text}]


def spread_text(ranks: int, spread: float | None, detectable: float | None) -> str:
    """Return why the slowest of so many ranks is not named, given the spread of the others."""
    if spread is None or detectable is None:
        return f"and of {ranks} ranks it cannot be told which is as it should be"
    least = f"from {100 * detectable:.0f} % on it is none"
    return f"which differ by {100 * spread:.1f} %; of {ranks} ranks that may be chance, {least}"


def slow_host_entries(records: Sequence[RunRecord], fleet: Sequence[HostHistoryRow]) -> list[SlowHostEntry]:
    """Return the hosts slow in most of the campaign's runs, and in most of the runs of ``fleet``."""
    runs = [
        (record.table.column("host").tolist(), own_times(seconds["data"], seconds["compute"]))
        for record in records
        if (seconds := comparable_seconds(record)) is not None
    ]
    found = [host_entry(item, "campaign", len(runs)) for item in slow_hosts(runs)]
    weeks = own_times_by_run(fleet)
    return found + [host_entry(item, "history", len(weeks)) for item in slow_hosts(weeks)]


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
