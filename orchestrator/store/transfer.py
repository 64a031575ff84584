"""Copies whole stores to and from another store or a Parquet file, in batches. A second copy changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from orchestrator.records import RecordError
from orchestrator.records.files import open_plain, output_file
from orchestrator.store import tables
from orchestrator.store.checking import trouble_of
from orchestrator.store.engine import StoreError
from orchestrator.store.entries import RankRow, columns_of
from orchestrator.store.ranks import STORED_MEASURES, RankTable, row_of_stored, stored_row
from orchestrator.store.rows import RunRecord
from orchestrator.store.store import Store

LEAST_UNPACKED, MOST_RATIO = 2**28, 100
"""Bytes that any export may unpack to, and how many times its size a larger one may."""
READABLE = range(2, tables.VERSION + 1)
"""Versions whose exports can be read. Columns that they lack are empty."""


def is_parquet(place: str) -> bool:
    """Whether a place is a Parquet file rather than a database."""
    return place.endswith(".parquet")


def url_of(place: str) -> str:
    """Return the URL of a place, which may be a URL or a SQLite file."""
    return place if "://" in place else f"sqlite:///{Path(place).resolve()}"


def copy_store(source: Store, target: Store) -> tuple[int, dict[str, str]]:
    """Put every run of a store into another, and the accepted changes; return how many runs were written, and why
    others were not.
    """
    target.accept_changes(source.base_changes())
    return put_whole(source.records(damaged=True), target)


def put_whole(batches: Iterable[Sequence[RunRecord]], target: Store) -> tuple[int, dict[str, str]]:
    """Put the runs that are whole into a store; return how many were written, and why the others were left out, by
    their campaigns and names. What is damaged takes nobody's place.
    """
    count = 0
    left_out: dict[str, str] = {}
    for batch in batches:
        troubles = [trouble_of(record) for record in batch]
        names = [f"{record.run.get('campaign')}/{record.run.get('run')}" for record in batch]
        left_out |= {name: why for name, why in zip(names, troubles, strict=True) if why}
        count += target.put_all([record for record, why in zip(batch, troubles, strict=True) if not why])
    return count, left_out


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
    schema, count = arrow_schema(arrow), 0
    try:
        with output_file(path) as staged, arrow.parquet.ParquetWriter(staged, schema) as writer:
            for batch in source.records():
                writer.write_table(arrow.Table.from_pylist([flat_row(record) for record in batch], schema))
                count += len(batch)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}") from error
    return count


def read_parquet(path: Path) -> Iterator[list[RunRecord]]:
    """Yield the runs of a file that ``write_parquet`` wrote, in batches. Raises StoreError."""
    arrow = import_pyarrow()
    try:
        with os.fdopen(open_plain(path), "rb") as opened:
            size = os.fstat(opened.fileno()).st_size
        file = arrow.parquet.ParquetFile(path)
        refuse_blown_up(path, file.metadata, size)
        version = (file.schema_arrow.metadata or {}).get(b"orchestrator.store")
        if version not in [str(number).encode() for number in READABLE]:
            raise StoreError(f"{path} is not an export of a store of version {READABLE[0]} to {READABLE[-1]}")
        for batch in file.iter_batches(200):
            records = []
            for row in batch.to_pylist():
                ranks, evaluations, phases = (row.pop(name) for name in ("ranks_list", "evaluations", "phases"))
                record = RunRecord(row, [], evaluations or [], phases or [])
                try:
                    record.ranks = RankTable.of_rows(cast(RankRow, row_of_stored(rank)) for rank in ranks or [])
                except (ValueError, TypeError, KeyError, OverflowError, AttributeError):
                    # The record says so: it has not the ranks that the run has.
                    record.ranks = RankTable.of_rows([]) if row.get("ranks") else []
                records.append(record)
            yield records
    except (OSError, KeyError, RecordError, arrow.ArrowException) as error:
        raise StoreError(f"{path} cannot be read as an export of a store: {error}") from error


def refuse_blown_up(path: Path, facts: Any, size: int) -> None:
    """Raise StoreError for a file that says of itself that it unpacks to far more than there is."""
    unpacked = sum(facts.row_group(number).total_byte_size for number in range(facts.num_row_groups))
    if unpacked > max(LEAST_UNPACKED, MOST_RATIO * size):
        raise StoreError(f"{path} unpacks to {unpacked} bytes, which no export does")
