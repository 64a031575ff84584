"""Copies whole stores to and from another store or a Parquet file, in batches. A second copy changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from orchestrator.store import tables
from orchestrator.store.engine import StoreError
from orchestrator.store.entries import RankRow, columns_of
from orchestrator.store.ranks import STORED_MEASURES, RankTable, row_of_stored, stored_row
from orchestrator.store.rows import RunRecord
from orchestrator.store.store import Store

READABLE = range(2, tables.VERSION + 1)
"""Versions whose exports can be read. Columns that they lack are empty."""


def is_parquet(place: str) -> bool:
    """Whether a place is a Parquet file rather than a database."""
    return place.endswith(".parquet")


def url_of(place: str) -> str:
    """Return the URL of a place, which may be a URL or a SQLite file."""
    return place if "://" in place else f"sqlite:///{Path(place).resolve()}"


def copy_store(source: Store, target: Store) -> int:
    """Put every run of a store into another, and the accepted changes; return how many runs were written."""
    target.accept_changes(source.base_changes())
    return sum(target.put_all(batch) for batch in source.records())


def import_pyarrow() -> Any:
    """Return pyarrow. Raises StoreError, with the remedy, if it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise StoreError("Parquet needs pyarrow: pip install 'sciml-orchestrator[parquet]'") from error
    return pyarrow


def flat_row(record: RunRecord) -> dict[str, object]:
    """Return a run as one row with nested lists."""
    names = [column.name for column in tables.runs.columns if column.name != "id"]
    columns = dict(zip(names, columns_of(record.run, names), strict=True))
    lists = {
        "ranks_list": [stored_row(rank) for rank in record.ranks],
        "evaluations": record.evaluations,
        "phases": record.phases,
    }
    return {**columns, **lists}


def arrow_schema(arrow: Any) -> Any:
    """Return the schema of one row per run: the columns of the table ``run``, and lists of structs for its children."""
    kinds = {int: arrow.int64(), float: arrow.float64(), str: arrow.string(), bool: arrow.bool_()}
    columns = [(column.name, kinds[column.type.python_type]) for column in tables.runs.columns if column.name != "id"]
    whole, number, text = arrow.int64(), arrow.float64(), arrow.string()
    rank = [("rank", whole), ("host", text), ("device", text), ("node", whole), ("local_rank", whole)]
    rank += [(name, number) for name in STORED_MEASURES.values()]
    evaluation = [("number", whole), ("seconds", number), ("epoch", whole), ("value", number)]
    nested = {"ranks_list": rank, "evaluations": evaluation, "phases": [("name", text), ("seconds", number)]}
    columns += [(name, arrow.list_(arrow.struct(fields))) for name, fields in nested.items()]
    return arrow.schema(columns, metadata={"orchestrator.store": str(tables.VERSION)})


def write_parquet(source: Store, path: Path) -> int:
    """Write every run, by rename; return how many. Raises StoreError."""
    arrow = import_pyarrow()
    schema, staged, count = arrow_schema(arrow), path.with_name(f".{path.name}.partial"), 0
    try:
        with arrow.parquet.ParquetWriter(staged, schema) as writer:
            for batch in source.records():
                writer.write_table(arrow.Table.from_pylist([flat_row(record) for record in batch], schema))
                count += len(batch)
        staged.replace(path)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise StoreError(f"{path} cannot be written: {error}") from error
    return count


def read_parquet(path: Path) -> Iterator[list[RunRecord]]:
    """Yield the runs of a file that ``write_parquet`` wrote, in batches. Raises StoreError."""
    arrow = import_pyarrow()
    try:
        file = arrow.parquet.ParquetFile(path)
        version = (file.schema_arrow.metadata or {}).get(b"orchestrator.store")
        if version not in [str(number).encode() for number in READABLE]:
            raise StoreError(f"{path} is not an export of a store of version {READABLE[0]} to {READABLE[-1]}")
        for batch in file.iter_batches(200):
            records = []
            for row in batch.to_pylist():
                ranks, evaluations, phases = (row.pop(name) for name in ("ranks_list", "evaluations", "phases"))
                table = RankTable.of_rows(cast(RankRow, row_of_stored(rank)) for rank in ranks) if ranks else []
                records.append(RunRecord(row, table, evaluations, phases))
            yield records
    except (OSError, arrow.ArrowException) as error:
        raise StoreError(f"{path} cannot be read as Parquet: {error}") from error
