"""Comma-separated values (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from orchestrator.records.files import write_output
from orchestrator.report.formats import Report
from orchestrator.report.formats.rows import MATRIX, RANK, RUN, matrix_rows, rank_rows, run_rows
from orchestrator.report.tables.text import csv_cell


def render(reports: Sequence[Report]) -> str:
    """Return the table of runs."""
    return csv_text(RUN, run_rows(reports))


def write(reports: Sequence[Report], place: Path) -> str:
    """Write the tables of runs and of ranks into a folder; return their paths."""
    place.mkdir(parents=True, exist_ok=True)
    write_output(place / "runs.csv", csv_text(RUN, run_rows(reports)))
    write_output(place / "ranks.csv", csv_text(RANK, rank_rows(reports)))
    write_output(place / "matrix.csv", csv_text(MATRIX, matrix_rows(reports)))
    return "\n".join(str(place / f"{name}.csv") for name in ("runs", "ranks", "matrix"))


def csv_text(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a header and the rows; a missing value is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([csv_cell(value) for value in row] for row in rows)
    return stream.getvalue()
