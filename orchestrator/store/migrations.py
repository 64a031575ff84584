"""From an older schema to this program's, on opening, by one process at a time.

Version 1 keyed runs by campaign and run name and kept a row a rank. SQLite cannot alter a key in place, so its runs are
read out and put in again. A later version adds one function to STEPS, which alters tables in place.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, Inspector, bindparam, delete, insert, inspect, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.records import ONLY_METHOD, SAMPLES, batch_of, processors_text, throughput_unit
from orchestrator.store import tables
from orchestrator.store.engine import NoStoreError, StoreError, store_error
from orchestrator.store.entries import KEY
from orchestrator.store.ranks import RankTable
from orchestrator.store.rows import RunRecord, hash_series, put_records

LOCK = 0x5C1_0001
"""Number of the advisory lock that a migration of a PostgreSQL store holds."""


def add_energy(connection: Connection) -> None:
    """Version 2 to 3: energies and how single steps differ. Runs collected before have neither until collected anew."""
    for column, kind in (("energy_j", "FLOAT"), ("energy_to_accuracy_j", "FLOAT"), ("step_times", "TEXT")):
        kind = "DOUBLE PRECISION" if kind == "FLOAT" and connection.dialect.name == "postgresql" else kind
        connection.execute(text(f"ALTER TABLE run ADD COLUMN {column} {kind}"))


def add_method(connection: Connection) -> None:
    """Version 3 to 4: the method of a run, and the data set also of one that failed. Benchmarks had one of each."""
    connection.execute(text(f"ALTER TABLE run ADD COLUMN method VARCHAR(128) NOT NULL DEFAULT '{ONLY_METHOD}'"))
    connection.execute(text("UPDATE run SET dataset_name = benchmark WHERE dataset_name IS NULL"))


def add_throughput_unit(connection: Connection) -> None:
    """Version 4 to 5: what throughputs count, as the results say; most count samples, and early results do not say."""
    unit = f"VARCHAR(32) NOT NULL DEFAULT '{throughput_unit()}'"
    connection.execute(text(f"ALTER TABLE run ADD COLUMN throughput_unit {unit}"))
    told = text("""SELECT id, result FROM run WHERE result LIKE '%"unit"%'""")
    for number, result in connection.execute(told).all():
        items = json.loads(result).get("training", {}).get("unit", SAMPLES)
        if items != SAMPLES:
            values = {"unit": throughput_unit(items), "number": number}
            connection.execute(text("UPDATE run SET throughput_unit = :unit WHERE id = :number"), values)


def add_processors(connection: Connection) -> None:
    """Version 5 to 6: the processors that ranks ran on, as the results say; early ones do not."""
    connection.execute(text("ALTER TABLE run ADD COLUMN processors TEXT"))
    told = text("""SELECT id, result FROM run WHERE result LIKE '%"processors"%'""")
    for number, result in connection.execute(told).all():
        values = {"names": processors_text(json.loads(result).get("world", {})), "number": number}
        connection.execute(text("UPDATE run SET processors = :names WHERE id = :number"), values)


def add_base_changes(connection: Connection) -> None:
    """Version 6 to 7: changes of a series' level that were accepted. There are none yet."""
    tables.base_changes.create(connection, checkfirst=True)


def add_work(connection: Connection) -> None:
    """Version 7 to 8: the threads of a rank and the global batch, as runs were planned; imported logs do not say."""
    for column in ("threads_per_rank", "global_batch"):
        connection.execute(text(f"ALTER TABLE run ADD COLUMN {column} INTEGER"))
    for number, manifest in connection.execute(text("SELECT id, manifest FROM run")).all():
        spec = json.loads(manifest).get("spec")
        if spec and "threads_per_rank" in spec:
            values = {"threads": spec["threads_per_rank"], "batch": batch_of(spec), "number": number}
            change = "UPDATE run SET threads_per_rank = :threads, global_batch = :batch WHERE id = :number"
            connection.execute(text(change), values)


def add_series(connection: Connection) -> None:
    """Version 8 to 9: the series of each run, and an index of what a history reads."""
    connection.execute(text("ALTER TABLE run ADD COLUMN series VARCHAR(16) NOT NULL DEFAULT ''"))
    runs = tables.runs
    found = connection.execute(select(runs.c.id, *(runs.c[name] for name in KEY))).all()
    values = [{"number": number, "found": hash_series(key)} for number, *key in found]
    if values:
        change = update(runs).where(runs.c.id == bindparam("number")).values(series=bindparam("found"))
        connection.execute(change, values)
    tables.SERIES_INDEX.create(connection)


STEPS: dict[int, Callable[[Connection], None]] = {
    2: add_energy,
    3: add_method,
    4: add_throughput_unit,
    5: add_processors,
    6: add_base_changes,
    7: add_work,
    8: add_series,
}
"""The function that leads from a version, 2 or later, to the next."""


APPLICATION_ID = 0x5C100001
"""What SQLite keeps in a file's head to say which program's it is; 0 in stores of versions that did not set it."""
OURS = frozenset({"run", "rank", "rank_summary", "host", "evaluation", "phase", "base_change", "schema_version"})
IN_EVERY_VERSION = frozenset(
    {"id", "campaign", "run", "benchmark", "cluster", "state", "created", "throughput", "manifest", "result"}
)
"""Columns of a run since the first version."""


def version_of(connection: Connection) -> int:
    """Return the version of the schema in the database; 0 if it is empty. Raises ForeignStoreError for a database of
    another program.
    """
    found = inspect(connection)
    names = set(found.get_table_names())
    sqlite = connection.dialect.name == "sqlite"
    if sqlite and signed(connection) not in (0, APPLICATION_ID):
        raise ForeignStoreError("its application id says so")
    # A server's schema may hold other tables than ours; a file does not.
    if others := sorted(names - OURS if sqlite else ()):
        raise ForeignStoreError(f"it has a table {others[0]}")
    if not names & OURS:
        return 0
    missing = IN_EVERY_VERSION - {column["name"] for column in found.get_columns("run")} if "run" in names else {"run"}
    if missing:
        raise ForeignStoreError(f"it has no {sorted(missing)[0]} of runs")
    if tables.schema_version.name not in names:
        return 1
    versions = connection.execute(text(f"SELECT version FROM {tables.schema_version.name}")).scalars().all()
    if len(versions) != 1 or type(versions[0]) is not int or versions[0] < 1:
        raise ForeignStoreError("it does not say which version of a store it is")
    if versions[0] == tables.VERSION:
        refuse_other_columns(found)
    return versions[0]


def refuse_other_columns(found: Inspector) -> None:
    """Raise ForeignStoreError unless all tables of this version have their columns."""
    for table in tables.metadata.sorted_tables:
        there = {column["name"] for column in found.get_columns(table.name)} if found.has_table(table.name) else set()
        missing = [column.name for column in table.columns if column.name not in there]
        if missing:
            raise ForeignStoreError(f"its table {table.name} lacks {missing[0]}")


def signed(connection: Connection) -> int:
    """Return the application id of a SQLite file."""
    return int(connection.exec_driver_sql("PRAGMA application_id").scalar() or 0)


class ForeignStoreError(Exception):
    """The database is another program's, or damaged: why."""


def is_current(engine: Engine, version: int) -> bool:
    """Whether the schema is this program's. Raises StoreError for a newer one."""
    if version > tables.VERSION:
        raise StoreError(
            f"the store {engine.url!r} has schema version {version}, newer than this program's {tables.VERSION}: "
            "use a program at least as new as the one that wrote it"
        )
    return version == tables.VERSION


def migrate(engine: Engine, create: bool = True) -> tuple[int, int]:
    """Make the schema in an empty database, if ``create``, or bring it up to date, in one transaction; return its
    version before and after.

    A current store is only read, so users without rights to alter it can use it, and so is a database that is not
    ours. Raises StoreError.
    """
    name = engine.url.render_as_string()
    try:
        with engine.connect() as connection:
            found = version_of(connection)
        if is_current(engine, found):
            return found, found
        if found == 0 and not create:
            raise NoStoreError(f"there is no store in {name}, which is empty: run or collect something first")
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
            found = version_of(connection)
            if not is_current(engine, found):
                upgrade_schema(connection, found)
            return found, tables.VERSION
    except ForeignStoreError as error:
        raise StoreError(
            f"{name} is another program's database, or damaged ({error}), and is left as it is; correct store.url"
        ) from error
    except SQLAlchemyError as error:
        raise store_error(engine, error, "opened") from error
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError) as error:
        raise StoreError(f"{name} cannot be brought up to date: a row of it is damaged ({error})") from error


def upgrade_schema(connection: Connection, found: int) -> None:
    """Apply all steps from the version found to this program's."""
    if found == 0:
        tables.metadata.create_all(connection)
    elif found == 1:
        rebuild_tables(connection)
    else:
        for version in range(found, tables.VERSION):
            STEPS[version](connection)
    connection.execute(delete(tables.schema_version))
    connection.execute(insert(tables.schema_version), {"version": tables.VERSION})
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")


def rebuild_tables(connection: Connection) -> None:
    """Lead version 1 to the newest: rename its tables, put every run into new ones, drop the old ones."""
    aside = ("rank", "evaluation", "phase", "run")
    for name in aside:
        for index in inspect(connection).get_indexes(name):
            if not index.get("duplicates_constraint"):
                connection.execute(text(f'DROP INDEX "{index["name"]}"'))
        connection.execute(text(f'ALTER TABLE "{name}" RENAME TO "{name}_v1"'))
        if connection.dialect.name == "postgresql":
            # Constraint names, and so the indexes behind them, stay when a table is renamed.
            for constraint in (inspect(connection).get_pk_constraint(f"{name}_v1")["name"],):
                connection.execute(text(f'ALTER TABLE "{name}_v1" RENAME CONSTRAINT "{constraint}" TO "{name}_v1_key"'))
    tables.metadata.create_all(connection)
    numbers = list(connection.execute(text('SELECT id FROM "run_v1" ORDER BY id')).scalars())
    for start in range(0, len(numbers), 500):
        put_records(connection, [read_old_record(connection, number) for number in numbers[start : start + 500]])
    for name in aside:
        connection.execute(text(f'DROP TABLE "{name}_v1"'))


def read_old_record(connection: Connection, number: int) -> RunRecord:
    """Return a run of a version 1 store."""

    def rows(name: str, column: str = "run_id") -> list[Any]:
        query = text(f'SELECT * FROM "{name}_v1" WHERE {column} = :number')
        return [dict(row) for row in connection.execute(query, {"number": number}).mappings()]

    (run,) = rows("run", "id")
    git = json.loads(run["manifest"]).get("provenance", {}).get("git", {})
    run |= {"git_commit": git.get("commit"), "git_dirty": git.get("dirty")}
    ranks = rows("rank")
    return RunRecord(run, RankTable.of_rows(ranks) if ranks else [], rows("evaluation"), rows("phase"))
