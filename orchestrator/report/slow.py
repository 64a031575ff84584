"""The parts of the report's document that name slow ranks and hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from orchestrator.analysis.stragglers import NOTICE, HostRecord, host_excess, rank_times, slow_hosts
from orchestrator.report.entries import SlowHostEntry, StragglerEntry
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
        entries.append(
            straggler_entry(run, "rank", item.rank, hosts[item.rank], item.excess, item.cause, "ranks", item.cost_s)
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
) -> StragglerEntry:
    """Return one straggler, with its sentence. ``cost_s``: by how much it makes the others wait, s."""
    who = f"host {host}" if rank is None else f"rank {rank} on {host}"
    why = f" ({cause})" if cause else ""
    notice = "notice: " if excess < NOTICE else ""
    cost = f": every rank waits {cost_s:.2g} s for it" if cost_s else ""
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
