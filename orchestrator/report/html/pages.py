"""Writing the folder: pages from templates, a CSV file for every plot, the plotting library once."""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from orchestrator.config.compose import UsageError
from orchestrator.report.html import plots
from orchestrator.report.html.plots import Plot
from orchestrator.report.html.telemetry import throughput_map

HERE = Path(__file__).parent
TABLE_ROWS = 100
RISKY = ("=", "+", "-", "@", "\t", "\r")


def page_name(text: str) -> str:
    """A file name for any text: readable, without what a path or a URL could take amiss, and unique."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:60]
    return plain if plain == text else f"{plain or 'page'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def cell(value: Any) -> Any:
    """A CSV value; text that a spreadsheet would run as a formula is disarmed."""
    return f"'{value}" if isinstance(value, str) and value.startswith(RISKY) else value


class Folder:
    """A report's folder. Raises UsageError where it cannot be made."""

    def __init__(self, path: Path) -> None:
        from jinja2 import Environment, FileSystemLoader

        self.path = path
        self.templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
        try:
            for name in ("assets", "data"):
                (path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"-o {path}: cannot be written ({error.strerror}); name a folder that can") from error
        for asset in (HERE / "assets").iterdir():
            shutil.copyfile(asset, path / "assets" / asset.name)
        found = find_spec("plotly")
        if found is None or found.origin is None:
            raise UsageError("the HTML report needs plotly: pip install plotly")
        shutil.copyfile(Path(found.origin).parent / "package_data" / "plotly.min.js", path / "assets" / "plotly.min.js")

    def page(self, name: str, template: str, drawn: Sequence[Plot], **values: Any) -> Path:
        """Write a page and the CSV files of its plots."""
        shown = []
        for plot in drawn:
            file = f"data/{name}-{plot.key}.csv"
            with (self.path / file).open("w", newline="", encoding="utf-8") as stream:
                writer = csv.writer(stream)
                writer.writerow([cell(column) for column in plot.columns])
                writer.writerows([cell(value) for value in row] for row in plot.rows)
            figure = {"data": plot.traces, "layout": plot.layout}
            shown.append({"plot": plot, "csv": file, "figure": figure, "rows": plot.rows[:TABLE_ROWS]})
        path = self.path / f"{name}.html"
        path.write_text(self.templates.get_template(template).render(plots=shown, **values), encoding="utf-8")
        return path


def headline(document: Mapping[str, Any]) -> str:
    """The answer in one sentence."""
    runs = document["runs"]
    done = sum(run["state"] == "completed" for run in runs)
    reached = sum(run["time_to_accuracy_s"] is not None for run in runs)
    text = f"{done} of {len(runs)} runs completed, {reached} reached their quality target."
    scaled = [entry for entry in document["scaling"] if entry["nodes"] > entry["base_nodes"]]
    if scaled:
        last = max(scaled, key=lambda entry: entry["nodes"])
        text += f" {last['mode'].capitalize()} efficiency {last['efficiency']:.2f} at {last['nodes']} nodes"
        text += f" (base {last['base_nodes']}, n = {last['n']})."
    return text


def write_campaign(document: Mapping[str, Any], output: Path) -> Path:
    """The campaign's page as index.html and a page for each run; returns the index."""
    folder = Folder(output)
    runs = []
    for run in document["runs"]:
        name = f"run-{page_name(run['run'])}"
        directory = Path(run["directory"])
        content = throughput_map(directory / f"attempt-{run['attempts']}" / "telemetry.h5")
        single = [plots.heat_map(content)] if content else []
        single += [plot for plot in (plots.time_split([run]), plots.phases([run])) if plot]
        single += plots.accuracy([run])
        picture = directory / f"attempt-{run['attempts']}" / "samples.png"
        pictured = f"data/{name}.png" if picture.is_file() else None
        if pictured:
            shutil.copyfile(picture, output / pictured)
        folder.page(name, "run.html", single, run=run, picture=pictured, title=run["run"])
        runs.append({"entry": run, "page": f"{name}.html", "picture": pictured})
    scaled = [plots.scaling(document["scaling"], mode) for mode in ("weak", "strong")]
    whole = [*scaled, plots.time_split(document["runs"]), plots.phases(document["runs"])]
    drawn = [plot for plot in whole if plot] + plots.accuracy(document["runs"])
    return folder.page(
        "index", "campaign.html", drawn, title=document["campaign"], headline=headline(document), runs=runs,
        stragglers=document.get("stragglers", []),
    )  # fmt: skip


def write_history(rows: Sequence[Mapping[str, Any]], output: Path) -> Path:
    """The page over all campaigns, from Store.history()."""
    campaigns = len({row["campaign"] for row in rows})
    text = f"{len(rows)} completed runs in {campaigns} campaigns."
    return Folder(output).page("history", "history.html", plots.history(rows), title="History", headline=text)
