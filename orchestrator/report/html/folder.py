"""The folder of a report: pages from templates, a CSV file for every plot, and one copy of the plotting library."""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.report.html.library import ASSETS, PROGRAM, copy_library
from orchestrator.report.html.plots.figure import Plot
from orchestrator.report.tables.text import csv_cell, short

HERE = Path(__file__).parent
TABLE_ROWS = 100
"""Most rows of a plot's table in the page. The CSV file has all rows."""


@dataclass(frozen=True)
class Table:
    """A section with a table, or with a sentence alone."""

    key: str
    title: str
    note: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()


def page_name(text: str) -> str:
    """Return a unique and readable file name for any text, without characters that are special in paths and URLs."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:60]
    return plain if plain == text else f"{plain or 'page'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def time_text(seconds: float) -> str:
    """Return seconds since the epoch as "2026-02-01 14:30 UTC"."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


class Folder:
    """A report's folder. Raises UsageError if it cannot be made."""

    def __init__(self, path: Path) -> None:
        from jinja2 import Environment, FileSystemLoader

        self.path = path
        self.templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True)
        self.templates.filters["short"] = short
        self.templates.policies["json.dumps_kwargs"] = {
            "sort_keys": False,
            "separators": (",", ":"),
            "allow_nan": False,
        }
        self.templates.globals |= {"version": metadata.version("sciml-orchestrator"), "written": time_text(time.time())}
        try:
            for name in ("assets", "data"):
                (path / name).mkdir(parents=True, exist_ok=True)
            for asset in ASSETS.iterdir():
                shutil.copyfile(asset, path / "assets" / asset.name)
            if not (ASSETS / PROGRAM).exists() and not copy_library(path / "assets"):
                raise UsageError("the HTML report needs plotly: pip install plotly")
        except OSError as error:
            raise UsageError(f"-o {path}: cannot be written ({error.strerror}); name a folder that can") from error

    def page(self, name: str, template: str, plots: Sequence[Plot], **values: Any) -> Path:
        """Write a page and the CSV files of its plots; return the page's path."""
        shown = []
        for plot in plots:
            file = f"data/{name}-{plot.key}.csv"
            self.write_csv(file, plot.columns, plot.rows)
            figure = {"data": plot.traces, "layout": plot.layout}
            shown.append({"plot": plot, "csv": file, "figure": figure, "shown": plot.rows[:TABLE_ROWS]})
        path = self.path / f"{name}.html"
        path.write_text(self.templates.get_template(template).render(plots=shown, **values), encoding="utf-8")
        return path

    def write_csv(self, file: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write a CSV file within the folder."""
        with (self.path / file).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow([csv_cell(column) for column in columns])
            writer.writerows([csv_cell(value) for value in row] for row in rows)

    def copy(self, source: Path, file: str) -> str | None:
        """Copy a file into the folder; return its name there, None if there is no such file."""
        if not source.is_file():
            return None
        shutil.copyfile(source, self.path / file)
        return file
