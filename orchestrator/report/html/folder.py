"""The folder of a report: pages from templates, a CSV file for every plot, and one copy of the plotting library."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.records import read_json_if_whole
from orchestrator.records.files import output_file
from orchestrator.report.html.library import ASSETS, PROGRAM, read_library
from orchestrator.report.html.plots.figure import Plot
from orchestrator.report.tables.text import csv_cell, short

HERE = Path(__file__).parent
OWN = re.compile(r"(?:data/)?[A-Za-z0-9][\w.-]*\.(?:html|csv|png)")
PAGES = "data/pages.json"
"""Which files a report wrote, so that the next one in its folder removes those that it does not write itself."""
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
    """A report's folder. Raises UsageError if it cannot be made.

    Pages within a ``whole``, a report of several campaigns, share its style, script and plotting library.
    """

    def __init__(self, path: Path, whole: Folder | None = None) -> None:
        from jinja2 import Environment, FileSystemLoader

        self.path = path
        self.written: list[str] = []
        """Names of the files that were written, in order."""
        self.templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True)
        self.templates.filters["short"] = short
        self.templates.policies["json.dumps_kwargs"] = {
            "sort_keys": False,
            "separators": (",", ":"),
            "allow_nan": False,
        }
        self.templates.globals["assets"] = "../assets" if whole else "assets"
        self.templates.globals |= {"version": metadata.version("sciml-orchestrator"), "written": time_text(time.time())}
        try:
            for name in ("data",) if whole else ("assets", "data"):
                (path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self.unwritable(error) from error
        if whole is None:
            assets = {asset.name: asset.read_bytes() for asset in ASSETS.iterdir()}
            if PROGRAM not in assets:
                assets |= read_library()
            if PROGRAM not in assets:
                raise UsageError("the HTML report needs plotly: pip install plotly")
            for name, content in assets.items():
                self.write(f"assets/{name}", content)

    def page(self, name: str, template: str, plots: Sequence[Plot], **values: Any) -> Path:
        """Write a page and the CSV files of its plots; return the page's path."""
        shown = []
        for plot in plots:
            file = f"data/{name}-{plot.key}.csv"
            self.write_csv(file, plot.columns, plot.rows)
            figure = {"data": plot.traces, "layout": plot.layout}
            shown.append({"plot": plot, "csv": file, "figure": figure, "shown": plot.rows[:TABLE_ROWS]})
        text = self.templates.get_template(template).render(plots=shown, **values)
        return self.path / self.write(f"{name}.html", text.encode("utf-8", "backslashreplace"))

    def write_csv(self, file: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write a CSV file within the folder."""
        stream = io.StringIO(newline="")
        writer = csv.writer(stream)
        writer.writerow([csv_cell(column) for column in columns])
        writer.writerows([csv_cell(value) for value in row] for row in rows)
        self.write(file, stream.getvalue().encode("utf-8", "backslashreplace"))

    def write(self, file: str, content: bytes) -> str:
        """Write a file of the folder, by rename; return its name there. Raises UsageError if it cannot be written."""
        self.written.append(file)
        try:
            with output_file(self.path / file) as staged:
                staged.write_bytes(content)
        except OSError as error:
            raise self.unwritable(error) from error
        return file

    def finish(self) -> None:
        """Remove pages and data of an earlier report in this folder that are not of this one."""
        listed = read_json_if_whole(self.path / PAGES) or {}
        before = listed.get("files")
        for file in before if isinstance(before, list) else []:
            if isinstance(file, str) and OWN.fullmatch(file) and file not in self.written:
                (self.path / file).unlink(missing_ok=True)
        names = [file for file in self.written if OWN.fullmatch(file)]
        self.write(PAGES, json.dumps({"files": sorted(names)}, indent=1).encode())

    def unwritable(self, error: OSError) -> UsageError:
        """Return the error for a folder that cannot be written."""
        return UsageError(f"-o {self.path}: cannot be written ({error.strerror}); name a folder that can")
