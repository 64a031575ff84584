"""Records of runs, and their rows, written within a transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from sqlalchemy import BindParameter, Connection, Table, bindparam, delete, insert, select, update

from orchestrator.records import FINAL_STATES, ONLY_METHOD, CollectedResult, unit_of
from orchestrator.records.control import spell_control
from orchestrator.store import tables
from orchestrator.store.entries import KEY, EvaluationRow, HostRow, PhaseRow, RankRow, RunRow, StoredManifest
from orchestrator.store.ranks import RankTable, stored_row

BATCH = 200
"""Runs in one statement. Their parameters are far fewer than any database's limit."""


@dataclass
class RunRecord:
    """One run as the store keeps it: its own columns, and its ranks, evaluations and phases.

    ``ranks`` yields one row per rank; the store returns a RankTable.
    """

    run: RunRow
    ranks: Sequence[RankRow] = field(default_factory=list)
    evaluations: list[EvaluationRow] = field(default_factory=list)
    phases: list[PhaseRow] = field(default_factory=list)

    @property
    def result(self) -> CollectedResult:
        """What rank 0 wrote, which collecting has checked; without any key for a run of which there is no result."""
        return cast(CollectedResult, json.loads(self.run.get("result") or "{}"))

    @property
    def manifest(self) -> StoredManifest:
        """What was planned, without any key for a run of which there is no manifest."""
        return cast(StoredManifest, json.loads(self.run.get("manifest") or "{}"))

    @property
    def table(self) -> RankTable:
        """The ranks in columns."""
        return self.ranks if isinstance(self.ranks, RankTable) else RankTable.of_rows(self.ranks)

    @property
    def hosts(self) -> list[HostRow]:
        """One row per host: ranks, sum of their throughputs, means of their times (s)."""
        return self.table.by_host()


def run_identity(run: RunRow) -> str:
    """Return a run's natural key, which is the same wherever and however often the run is collected."""
    text = json.dumps([run["campaign"], run["run"], run["cluster"], float(run["created"])], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def finality_of(state: str) -> int:
    """Return how much is known of a run in that state (tables.FINALITY)."""
    return tables.FINALITY.get(state, 2 if state in FINAL_STATES else 0)


def row_of(record: RunRecord) -> RunRow:
    """Return all columns of a run but its number; missing ones are NULL."""
    run: RunRow = {**record.run, "uid": run_identity(record.run), "finality": finality_of(record.run["state"])}
    # Runs from stores and exports of earlier versions name none: their benchmarks had one of each, and counted samples.
    run["dataset_name"] = run.get("dataset_name") or run["benchmark"]
    run["method"] = run.get("method") or ONLY_METHOD
    run["throughput_unit"] = unit_of(run)
    run["series"] = hash_series([run.get(name) for name in KEY])
    found = {column.name: storable(column.name, run) for column in tables.runs.columns if column.name != "id"}
    return cast(RunRow, found)


def storable(name: str, run: Mapping[str, object]) -> object:
    """Return the value of a column: texts without control characters, of which databases refuse some."""
    value = run.get(name)
    return spell_control(value) if isinstance(value, str) else value


def hash_series(key: Sequence[object]) -> str:
    """Return the hash of a series by the values of KEY, the same in every store."""
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]


def put_records(connection: Connection, records: Iterable[RunRecord]) -> int:
    """Insert runs, or replace stored ones unless more is known of those; return how many were written.

    Raises IntegrityError if another process inserted one of them meanwhile. The caller then begins again.
    """
    rows = {run_identity(record.run): (row_of(record), record) for record in records}
    written = 0
    # In order of their keys, so that two processes never wait for each other.
    uids = sorted(rows)
    for start in range(0, len(uids), BATCH):
        written += put_batch(connection, {uid: rows[uid] for uid in uids[start : start + BATCH]})
    return written


def put_batch(connection: Connection, rows: Mapping[str, tuple[RunRow, RunRecord]]) -> int:
    """Write at most BATCH runs, given by key as (row, record); return how many were written."""
    runs = tables.runs
    columns = (runs.c.uid, runs.c.id, runs.c.attempts, runs.c.finality)
    known = select(*columns).where(runs.c.uid.in_(list(rows))).order_by(runs.c.uid)
    stored = {row.uid: row for row in connection.execute(known.with_for_update())}
    new = [row for uid, (row, _) in rows.items() if uid not in stored]
    if new:
        connection.execute(insert(runs), new)
    numbers = {row.uid: row.id for row in connection.execute(known)} if new else {}
    changed = []
    for uid, old in stored.items():
        row = rows[uid][0]
        if (old.attempts, old.finality) <= (row["attempts"], row["finality"]):
            changed.append({**row, "number": old.id})
            numbers[uid] = old.id
        else:
            numbers.pop(uid, None)
    if changed:
        values: dict[str, BindParameter[object]] = {
            column.name: bindparam(column.name) for column in runs.columns if column.name != "id"
        }
        connection.execute(update(runs).where(runs.c.id == bindparam("number")).values(values), changed)
        for table in tables.CHILDREN:
            connection.execute(delete(table).where(table.c.run_id.in_([row["number"] for row in changed])))
    for table in tables.CHILDREN:
        children = [
            {"run_id": number, **row} for uid, number in numbers.items() for row in children_of(rows[uid][1], table)
        ]
        if children:
            connection.execute(insert(table), children)
    return len(numbers)


def children_of(record: RunRecord, table: Table) -> list[dict[str, object]]:
    """Return the record's rows of a child table, without the run's number."""
    if table is tables.rank_summaries:
        return [{"packed": record.table.pack()}] if len(record.ranks) else []
    found: dict[Table, Sequence[Mapping[str, object]]] = {
        tables.hosts: [stored_row(row) for row in record.hosts] if len(record.ranks) else [],
        tables.evaluations: record.evaluations,
    }
    names = [column.name for column in table.columns if column.name != "run_id"]
    return [{name: row[name] for name in names} for row in found.get(table, record.phases)]
