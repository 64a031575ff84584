"""Writes runs into the store and reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, cast

from sqlalchemy import Connection, Engine, Select, Table, delete, func, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from orchestrator.config.paths import default_url
from orchestrator.config.redaction import redact
from orchestrator.store import tables
from orchestrator.store.checking import as_failed, right_rows, trouble_of
from orchestrator.store.engine import StoreError, open_engine, prepare_file, refuse_read_only, store_error
from orchestrator.store.entries import KEY, BaseChange, HistoryRow, HostHistoryRow, RunRow, columns_of
from orchestrator.store.migrations import migrate
from orchestrator.store.ranks import STORED_MEASURES, RankTable
from orchestrator.store.rows import BATCH, RunRecord, hash_series, put_records

__all__ = ["RunRecord", "Store", "StoreError", "default_url", "manifest_text"]

STORED_NAMES = {stored: name for name, stored in STORED_MEASURES.items()}
COLLISIONS = 20
"""How often a transaction is begun again because other collectors inserted the same runs meanwhile."""


class Store:
    """A store, by its SQLAlchemy URL. Opening it migrates an older one, and makes it in an empty database (see
    tables.py) unless ``create`` is false, as for verbs that only read.
    """

    def __init__(self, url: str, create: bool = True) -> None:
        """Raises StoreError, also for a schema newer than this program's and for another program's database."""
        self.url = url
        self.engine: Engine = open_engine(url)
        prepare_file(self.engine, create)
        self.migrated_from, self.version = migrate(self.engine, create)

    def refuse_read_only(self) -> None:
        """Raise StoreError unless this user may write runs. It waits for no lock."""
        refuse_read_only(self.engine)

    # --- in --------------------------------------------------------------------------------------------------------

    def put(self, record: RunRecord) -> None:
        """Insert a run or replace the stored one, in one transaction. Raises StoreError."""
        self.put_all([record])

    def put_all(self, records: Sequence[RunRecord]) -> int:
        """Insert many runs or replace stored ones, all or none; return how many were written.

        A stored row with more attempts is kept, and so is one with as many attempts and a better known end. A copy of a
        run's folder made before the end therefore never undoes the end. Raises StoreError.
        """
        for record in records:
            if why := trouble_of(record):
                name = f"{record.run.get('campaign')}/{record.run.get('run')}"
                raise StoreError(f"{name} is not stored, since it is no run of this program's: {why}")
        for attempt in range(COLLISIONS):
            try:
                with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
                    return put_records(connection, records)
            except IntegrityError as error:
                # Another collector inserted one of the runs at the same time: now it can be replaced.
                if attempt == COLLISIONS - 1:
                    raise store_error(self.engine, error, "written") from error
            except SQLAlchemyError as error:
                raise store_error(self.engine, error, "written") from error
        raise AssertionError("unreachable")

    def accept_changes(self, changes: Sequence[BaseChange]) -> None:
        """Insert accepted changes of base; one of the same series, metric and moment is replaced. Raises StoreError."""
        table = tables.base_changes
        keys = [column.name for column in table.primary_key.columns]
        try:
            with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
                for change in changes:
                    same = [table.c[name] == value for name, value in zip(keys, columns_of(change, keys), strict=True)]
                    connection.execute(delete(table).where(*same))
                    connection.execute(insert(table), dict(change))
        except SQLAlchemyError as error:
            raise store_error(self.engine, error, "written") from error

    # --- out -------------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Return a connection for queries, within the context: all see the store as it was at the first of them. The
        database's errors become StoreErrors.
        """
        # SQLite does so in any transaction; PostgreSQL's statements else see what others have written meanwhile.
        options = {"isolation_level": "REPEATABLE READ"} if self.engine.dialect.name == "postgresql" else {}
        try:
            with self.engine.connect().execution_options(**options) as connection:
                yield connection
        except SQLAlchemyError as error:
            raise store_error(self.engine, error, "read") from error

    def count(self) -> int:
        """Number of runs in the store."""
        with self.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(tables.runs)).scalar() or 0)

    def base_changes(self) -> list[BaseChange]:
        """Return all accepted changes of base, by the moment since when they hold."""
        table = tables.base_changes
        with self.reading() as connection:
            found = connection.execute(select(table).order_by(table.c.since, table.c.accepted)).all()
        names = [column.name for column in table.columns]
        return [cast(BaseChange, dict(zip(names, row, strict=True))) for row in right_rows(found, names, BaseChange)]

    def campaigns(self) -> list[str]:
        """Names of the campaigns, newest first."""
        runs = tables.runs
        query = select(runs.c.campaign).group_by(runs.c.campaign).order_by(func.max(runs.c.created).desc())
        with self.reading() as connection:
            return [name for name in connection.execute(query).scalars() if isinstance(name, str)]

    def campaign(self, name: str) -> list[RunRecord]:
        """Return all runs of a campaign, ordered by benchmark, recipe, communicator, node count and repeat."""
        runs = tables.runs
        names = ("benchmark", "dataset_name", "method", "recipe", "comm", "nodes", "repeat", "run", "created")
        order = [runs.c[name] for name in names]
        with self.reading() as connection:
            return fetch_records(connection, select(runs).where(runs.c.campaign == name).order_by(*order))

    def records(self, damaged: bool = False) -> Iterator[list[RunRecord]]:
        """Yield all runs in batches, in the order of their insertion; those that are ``damaged`` as they are, if asked
        for, else as failed ones.
        """
        runs = tables.runs
        last = 0
        while True:
            with self.reading() as connection:
                query = select(runs).where(runs.c.id > last).order_by(runs.c.id).limit(BATCH)
                batch = fetch_records(connection, query, damaged)
            if not batch:
                return
            last = batch[-1].run["id"]
            yield batch

    def history(
        self,
        benchmark: str | None = None,
        cluster: str | None = None,
        since: float | None = None,
        until: float | None = None,
        states: Sequence[str] | None = ("completed",),
        campaigns: Sequence[str] | None = None,
        columns: Sequence[str] = tables.HISTORY,
        dataset: str | None = None,
        method: str | None = None,
    ) -> list[HistoryRow]:
        """Return runs, oldest first: one row per run with ``columns``, of which "created" must be one, and
        ``week``. The column "key" stands for all those of KEY, as a tuple.

        ``week`` is the ISO week of planning in UTC, as "2026-W07". ``since`` ≤ time of planning < ``until``, in seconds
        since the epoch. ``states`` None means all states. Without any argument all completed runs are returned.
        """
        runs = tables.runs
        chosen = ((runs.c.dataset_name, dataset), (runs.c.method, method))
        read = [runs.c["series" if name == "key" else name] for name in columns]
        if "key" in columns:
            read.append(runs.c.id)
        query = select(*read).order_by(runs.c.created, runs.c.id)
        query = narrow_query(query, benchmark, cluster, since, until, states)
        query = query.where(*(column == name for column, name in chosen if name is not None))
        if campaigns is not None:
            query = query.where(runs.c.campaign.in_(list(campaigns)))
        weeks: dict[int, str] = {}
        with self.reading() as connection:
            found = right_rows(connection.execute(query).all(), columns, RunRow)
            rows = [cast(HistoryRow, dict(zip(columns, row, strict=False))) for row in found]
            keys = {}
            if "key" in columns:
                keys = series_keys(connection, [(row["key"], of[-1]) for row, of in zip(rows, found, strict=True)])
        for row in rows:
            if "key" in columns:
                row["key"] = keys.get(cast(str, row["key"]), ())
            day = int(row["created"] // 86400)
            if day not in weeks:
                weeks[day] = iso_week(row["created"])
            row["week"] = weeks[day]
        return [row for row in rows if row.get("key") != ()]

    def host_history(
        self,
        benchmark: str | None = None,
        cluster: str | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> list[HostHistoryRow]:
        """Return completed runs by host, oldest first: one row per (run, host).

        Keys: campaign, run, benchmark, cluster, comm, recipe, nodes, created; host, ranks (of the host), throughput
        (their sum), total_s, data_s, compute_s, communicate_s (means over the ranks of sums over the steps).
        """
        runs, hosts = tables.runs, tables.hosts
        names = ("campaign", "run", "benchmark", "cluster", "comm", "recipe", "nodes", "created")
        own = [column for column in hosts.columns if column.name != "run_id"]
        query = select(*(runs.c[name] for name in names), *own).join(hosts, hosts.c.run_id == runs.c.id)
        query = narrow_query(query, benchmark, cluster, since, until, ("completed",))
        with self.reading() as connection:
            found = connection.execute(query.order_by(runs.c.created, runs.c.id)).all()
        columns = [STORED_NAMES.get(column.name, column.name) for column in query.selected_columns]
        whole = right_rows(found, columns, HostHistoryRow)
        return [cast(HostHistoryRow, dict(zip(columns, row, strict=True))) for row in whole]


def series_keys(connection: Connection, found: Sequence[tuple[Any, int]]) -> dict[str, tuple[object, ...]]:
    """Return the values of KEY by the hashes of series, given the series and the number of runs, oldest first.

    All runs of a series share them, so that its newest is asked; the others, where that one's are damaged. Of a series
    of whose runs none has values of the hash, those of the newest run count that are of the right types.
    """
    runs = tables.runs
    newest = dict(found)
    keys: dict[str, tuple[object, ...]] = {}
    likely: dict[str, tuple[object, ...]] = {}
    for some in (list(newest.items()), found[::-1]):
        if len(keys) == len(newest):
            break
        for start in range(0, len(some), BATCH):
            numbers = [number for series, number in some[start : start + BATCH] if series not in keys]
            if not numbers:
                continue
            query = select(runs.c.series, *(runs.c[name] for name in KEY)).where(runs.c.id.in_(numbers))
            rows = connection.execute(query.order_by(runs.c.created.desc(), runs.c.id.desc())).all()
            for series, *values in right_rows(rows, ["series", *KEY], RunRow):
                (keys if hash_series(values) == series else likely).setdefault(series, tuple(values))
    return likely | keys


def narrow_query(
    query: Select[Any],
    benchmark: str | None,
    cluster: str | None,
    since: float | None,
    until: float | None,
    states: Sequence[str] | None,
) -> Select[Any]:
    """Return the query over runs, restricted to the arguments that are not None."""
    runs = tables.runs
    if benchmark is not None:
        query = query.where(runs.c.benchmark == benchmark)
    if cluster is not None:
        query = query.where(runs.c.cluster == cluster)
    if since is not None:
        query = query.where(runs.c.created >= since)
    if until is not None:
        query = query.where(runs.c.created < until)
    return query if states is None else query.where(runs.c.state.in_(list(states)))


def fetch_records(connection: Connection, query: Select[Any], damaged: bool = False) -> list[RunRecord]:
    """Return the whole records of the runs that a query selects; those that are damaged as failed ones, unless wanted
    as they are.
    """
    found = [cast(RunRow, dict(row)) for row in connection.execute(query).mappings()]
    numbers = [row["id"] for row in found]
    packed, evaluations, phases = (
        child_rows(connection, table, numbers) for table in (tables.rank_summaries, tables.evaluations, tables.phases)
    )
    records = []
    for row in found:
        number = row["id"]
        record = RunRecord(row, [], evaluations.get(number, []), phases.get(number, []))
        try:
            if number in packed:
                record.ranks = RankTable.unpack(packed[number][0]["packed"])
            why = trouble_of(record)
        except (ValueError, TypeError) as error:
            why = str(error)
        bad = why and not damaged
        records.append(as_failed(record, f"its row in the store is damaged: {why}") if bad else record)
    return records


def child_rows(connection: Connection, table: Table, numbers: Sequence[int]) -> dict[int, list[Any]]:
    """Return rows of a child table, by the number of their run."""
    rows: dict[int, list[Any]] = {}
    for start in range(0, len(numbers), BATCH):
        within = table.c.run_id.in_(list(numbers[start : start + BATCH]))
        for row in connection.execute(select(table).where(within).order_by(*table.primary_key.columns)).mappings():
            values = dict(row)
            rows.setdefault(values.pop("run_id"), []).append(values)
    return rows


def iso_week(seconds: float) -> str:
    """Return the ISO week of a moment, UTC: "2026-W07"."""
    year, number, _ = datetime.fromtimestamp(seconds, timezone.utc).isocalendar()
    return f"{year}-W{number:02d}"


def manifest_text(document: Mapping[str, object]) -> str:
    """Return a document as the store keeps it, without the values of keys that look like secrets."""
    return json.dumps(redact(document), sort_keys=True, ensure_ascii=False)
