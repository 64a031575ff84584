"""Comma-separated values, as RFC 4180 has them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from orchestrator.records import write_text
from orchestrator.report.formats import Report
from orchestrator.report.formats.rows import MATRIX, RANK, RUN, matrix_rows, rank_rows, run_rows
from orchestrator.report.tables.text import cell


def render(reports: Sequence[Report]) -> str:
    """The runs."""
    return table(RUN, run_rows(reports))


def write(reports: Sequence[Report], place: Path) -> str:
    """All tables into a folder."""
    place.mkdir(parents=True, exist_ok=True)
    write_text(place / "runs.csv", table(RUN, run_rows(reports)))
    write_text(place / "ranks.csv", table(RANK, rank_rows(reports)))
    write_text(place / "matrix.csv", table(MATRIX, matrix_rows(reports)))
    return "\n".join(str(place / f"{name}.csv") for name in ("runs", "ranks", "matrix"))


def table(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    """A header and the rows; what is not known is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)
    return stream.getvalue()
