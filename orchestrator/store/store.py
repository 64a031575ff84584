"""Putting runs into the store and getting them out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, delete, event, func, insert, select, update
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from orchestrator.store import tables


class StoreError(RuntimeError):
    """The store cannot be reached, read or written; the message says which and why."""


@dataclass
class RunRecord:
    """One run as the store keeps it: the run's own columns, and what belongs to it by rank, evaluation and phase."""

    run: dict[str, Any]
    ranks: list[dict[str, Any]] = field(default_factory=list)
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    phases: list[dict[str, Any]] = field(default_factory=list)


def default_url(results: Path) -> str:
    """The embedded store of a results folder."""
    return f"sqlite:///{results / 'store.sqlite'}"


class Store:
    """A store by its SQLAlchemy URL. Tables are made when they are missing."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self.engine: Engine = create_engine(url)
            if self.engine.dialect.name == "sqlite":
                event.listen(self.engine, "connect", tune_sqlite)
            tables.metadata.create_all(self.engine)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise StoreError(f"store.url={url}: not a database that can be opened: {error}") from error
        except SQLAlchemyError as error:
            raise StoreError(f"the store {self.engine.url!r} cannot be opened: {reason(error)}") from error

    def put(self, record: RunRecord) -> None:
        """Insert a run or replace what is stored of it, in one transaction. Raises StoreError."""
        try:
            with self.engine.begin() as connection:
                self.put_in(connection, record)
        except IntegrityError:
            # Another collector inserted the same run at the same time: now it can be replaced.
            with self.engine.begin() as connection:
                self.put_in(connection, record)
        except SQLAlchemyError as error:
            raise StoreError(f"the store {self.engine.url!r} cannot be written: {reason(error)}") from error

    @staticmethod
    def put_in(connection: Connection, record: RunRecord) -> None:
        """The same within a transaction."""
        runs = tables.runs
        same = (runs.c.campaign == record.run["campaign"]) & (runs.c.run == record.run["run"])
        found = connection.execute(select(runs.c.id).where(same).with_for_update()).scalar()
        if found is None:
            inserted = connection.execute(insert(runs).values(record.run)).inserted_primary_key
            assert inserted is not None
            number = inserted[0]
        else:
            number = found
            connection.execute(update(runs).where(runs.c.id == number).values(record.run))
            for table in tables.CHILDREN:
                connection.execute(delete(table).where(table.c.run_id == number))
        for table, rows in zip(tables.CHILDREN, (record.ranks, record.evaluations, record.phases), strict=True):
            if rows:
                connection.execute(insert(table), [{"run_id": number, **row} for row in rows])

    def campaigns(self) -> list[str]:
        """Names of the campaigns, newest first."""
        runs = tables.runs
        query = select(runs.c.campaign).group_by(runs.c.campaign).order_by(func.max(runs.c.created).desc())
        with self.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def campaign(self, name: str) -> list[RunRecord]:
        """All runs of a campaign, by node count, communicator and repeat."""
        runs = tables.runs
        query = (
            select(runs)
            .where(runs.c.campaign == name)
            .order_by(runs.c.benchmark, runs.c.recipe, runs.c.comm, runs.c.nodes, runs.c.repeat, runs.c.run)
        )
        with self.engine.connect() as connection:
            found = [dict(row) for row in connection.execute(query).mappings()]
            children = {table.name: self.children(connection, table, found) for table in tables.CHILDREN}
        return [
            RunRecord(
                row,
                children["rank"].get(row["id"], []),
                children["evaluation"].get(row["id"], []),
                children["phase"].get(row["id"], []),
            )
            for row in found
        ]

    @staticmethod
    def children(
        connection: Connection, table: Any, parents: Sequence[Mapping[str, Any]]
    ) -> dict[int, list[dict[str, Any]]]:
        """Rows of a child table by the run they belong to."""
        rows: dict[int, list[dict[str, Any]]] = {}
        numbers = [row["id"] for row in parents]
        query = select(table).where(table.c.run_id.in_(numbers)).order_by(*table.primary_key.columns)
        for row in connection.execute(query).mappings():
            rows.setdefault(row["run_id"], []).append(dict(row))
        return rows

    def count(self) -> int:
        """Number of runs in the store."""
        with self.engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(tables.runs)).scalar() or 0)


def tune_sqlite(connection: Any, record: Any) -> None:
    """Let several collectors write in turn, and let deletions reach the rows that belong to a run."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def reason(error: SQLAlchemyError) -> str:
    """The database's own words, without the statement."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def manifest_text(document: Mapping[str, Any]) -> str:
    """A document as the store keeps it."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False)
