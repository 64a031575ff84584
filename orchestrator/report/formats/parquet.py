"""The tables of runs and ranks in columns, for pandas, Spark or DuckDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.records.files import output_file
from orchestrator.report.formats import Report
from orchestrator.report.formats.rows import MATRIX, RANK, RUN, matrix_rows, rank_rows, run_rows


def write(reports: Sequence[Report], place: Path) -> str:
    """Write the tables of runs and of ranks into a folder; return their paths. Raises StoreError without pyarrow."""
    from orchestrator.store.transfer import import_pyarrow

    arrow = import_pyarrow()
    place.mkdir(parents=True, exist_ok=True)
    written = []
    tables = (
        ("runs", RUN, run_rows(reports)),
        ("ranks", RANK, rank_rows(reports)),
        ("matrix", MATRIX, matrix_rows(reports)),
    )
    for name, columns, rows in tables:
        written.append(write_table(arrow, place / f"{name}.parquet", columns, rows))
    return "\n".join(written)


def write_table(arrow: Any, path: Path, columns: Mapping[str, type], rows: Iterable[Sequence[Any]]) -> str:
    """Write a table, by rename; return its path."""
    kinds = {int: arrow.int64(), float: arrow.float64(), str: arrow.string(), bool: arrow.bool_()}
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [arrow.array(column, kinds[kind]) for column, kind in zip(values, columns.values(), strict=True)]
    with output_file(path) as staged:
        arrow.parquet.write_table(arrow.Table.from_arrays(arrays, names=list(columns)), staged)
    return str(path)
