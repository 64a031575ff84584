"""The table of report formats."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.report.entries.document import ReportDocument
    from orchestrator.store.store import RunRecord


@dataclass(frozen=True)
class Report:
    """One campaign: its document, from which every format is made, and its stored runs, for what the document leaves
    out.
    """

    campaign: str
    document: ReportDocument
    records: Sequence[RunRecord]


@dataclass(frozen=True)
class Format:
    """A format. Its module has ``render(reports) -> str``, ``write(reports, place) -> str``, or both.

    Each takes reports of one or more campaigns, newest first, and raises UsageError; ``write`` returns the message to
    print. ``place`` is the meaning of -o: "text" goes to stdout or a file; "folder" and "address" must be given;
    "either" is text without -o and a folder with it.
    """

    place: str
    module: str
    summary: str

    @property
    def renders(self) -> bool:
        """Whether it can be printed."""
        return self.place in ("text", "either")

    def function(self, name: str) -> Callable[..., str]:
        """Return ``render`` or ``write``. The module is imported at the call, since it may be slow."""
        found: Callable[..., str] = getattr(importlib.import_module(f"orchestrator.report.formats.{self.module}"), name)
        return found


FORMATS = {
    "terminal": Format("text", "terminal", "tables for people (the default)"),
    "json": Format("text", "json", "the document of report.schema.json"),
    "markdown": Format("text", "markdown", "for a ticket or a pull request"),
    "junit": Format("text", "junit", "JUnit XML, which CI systems show: a test case for each run"),
    "prometheus": Format("text", "prometheus", "for the textfile collector of a node exporter"),
    "csv": Format(
        "either",
        "csv",
        "runs.csv, ranks.csv and matrix.csv, a row a run, rank or field; without -o the runs",
    ),
    "parquet": Format("folder", "parquet", "runs.parquet, ranks.parquet and matrix.parquet, the same in columns"),
    "html": Format("folder", "html", "pages with plots that open from disk"),
    "mllog": Format("folder", "mllog", "logs laid out as MLPerf HPC submissions are"),
    "tensorboard": Format("folder", "tensorboard", "event files: losses by step, quality by epoch, throughputs"),
    "mlflow": Format("address", "mlflow", "runs of an MLflow tracking server, given by its URL"),
}
