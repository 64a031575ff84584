"""A campaign as text for a ticket: the Markdown of GitHub and GitLab, also readable as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from typing import Any

from orchestrator.analysis.epochs import Epochs
from orchestrator.records.control import one_line
from orchestrator.report import grid
from orchestrator.report.entries.comparison import ComparisonDocument, HistoryDocument
from orchestrator.report.entries.document import ReportDocument
from orchestrator.report.entries.matrix import MatrixEntry
from orchestrator.report.entries.runs import RunEntry
from orchestrator.report.entries.series import ScaleEntry, ScalingEntry
from orchestrator.report.formats import Report
from orchestrator.report.tables.comparisons import comparison_title, scale_name
from orchestrator.report.tables.text import (
    accuracy_time_text,
    headline,
    quality_text,
    short,
    subject_words,
    with_interval,
)
from orchestrator.report.tables.units import RateColumn, compared_text, warm_mark

MOST_SLOW = 10
"""Most slow hosts and ranks that a ticket names."""
VERDICT_MARKS = {"slower": "🔴 ", "drifting": "🔴 ", "faster": "🟢 ", "too noisy": "🟡 ", "not enough runs": "🟡 "}
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$@&!])")


def escape_markup(text: Any) -> str:
    """Return the text in one line, without markup, mentions and links."""
    return SPECIAL.sub(r"\\\1", one_line(str(text))).replace("://", ":\u200b//")


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> list[str]:
    """Return the lines of a table whose cells are Markdown."""
    marks = ["---:" if column in right else "---" for column in columns]
    return [f"| {' | '.join(line)} |" for line in (columns, marks, *rows)] + [""]


def render(reports: Sequence[Report]) -> str:
    """Return one section for each campaign."""
    return "\n".join(line for report in reports for line in section_lines(report.document))


def section_lines(document: ReportDocument) -> list[str]:
    """Return headline, runs, causes of failures, repeats, efficiencies and slow hosts."""
    lines = [f"## Campaign {escape_markup(document['campaign'])}", "", escape_markup(headline(document)), ""]
    rate = RateColumn.of(run["throughput"]["unit"] for run in document["runs"])
    numbers = ("nodes", "ranks", rate.heading, "n", "efficiency")
    columns = ["run", "state", "nodes", "ranks", rate.heading, "quality", "time to accuracy", "data"]
    lines += table_lines(columns, [run_cells(run, rate) for run in document["runs"]], numbers)
    causes = [run for run in document["runs"] if run["cause"]]
    lines += [f"- {escape_markup(run['run'])}: {run['state']}: {escape_markup(run['cause'])}" for run in causes]
    lines += [""] if causes else []
    for entry in grid.shown(document["matrix"]):
        lines += matrix_lines(entry)
    if any(entry["n"] > 1 for entry in document["scales"]):
        rate = RateColumn.of(entry["throughput"]["unit"] for entry in document["scales"])
        columns = ["benchmark", "recipe", "nodes", "n", f"{rate.heading}, mean [95 %]", "time to accuracy", "reached"]
        every = {entry["epochs"] for entry in document["scales"]}
        lines += [f"Repeats, throughput of {compared_text(every)}:", ""]
        lines += table_lines(columns, [scale_cells(entry, rate, every) for entry in document["scales"]], numbers)
    if document["scaling"]:
        columns = ["benchmark", "mode", "comm", "recipe", "nodes", "efficiency", "95 % interval", "n", "base"]
        every = {entry["epochs"] for entry in document["scaling"]}
        lines += [f"Scaling, throughput per node relative to the base, of {compared_text(every)}:", ""]
        lines += table_lines(columns, [scaling_cells(entry, every) for entry in document["scaling"]], numbers)
    named = [item["text"] for item in [*document["slow_hosts"], *document["stragglers"]]]
    slow = dict.fromkeys([*named, *(text for item in document["rank_spread"] if (text := item["text"]))])
    lines += [f"- {escape_markup(text)}" for text in list(slow)[:MOST_SLOW]] + ([""] if slow else [])
    return lines


def render_comparison(document: ComparisonDocument | HistoryDocument) -> str:
    """Return verdicts for a pull request or a ticket: the worst first of all, then a row a metric of each series."""
    columns = ["series", "metric", "before", "n before", "now", "n now", "verdict"]
    rows = [
        [
            scale_name(series) if place == 0 else "",
            f"{item['metric'].replace('_', ' ')}, {item['unit']}",
            short(item["earlier_median"]),
            str(item["earlier_n"]),
            short(item["median"]),
            str(item["n"]),
            f"{VERDICT_MARKS.get(item['verdict'], '')}{item['text']}",
        ]
        for series in document["series"]
        for place, item in enumerate(series["metrics"])
    ]
    lines = [f"## {escape_markup(document['verdict'].capitalize())}", "", escape_markup(comparison_title(document)), ""]
    escaped = [[escape_markup(cell) for cell in row] for row in rows]
    lines += table_lines(columns, escaped, ("before", "n before", "now", "n now"))
    lines += [f"- not run again: {escape_markup(scale_name(key))}" for key in document["missing"]]
    return "\n".join(lines).rstrip() + "\n"


def matrix_lines(entry: MatrixEntry) -> list[str]:
    """Data sets × methods: a title, the table, where published values are from."""
    rows = [
        [escape_markup(line.dataset), escape_markup(line.quantity), *(matrix_field(field) for field in line.fields)]
        for line in grid.grid_of(entry)
    ]
    methods = [escape_markup(method) for method in entry["methods"]]
    lines = [f"Matrix of {escape_markup(grid.title_of(entry))}: {grid.NOTE}.", ""]
    lines += table_lines(["data set", "metric", *methods], rows, methods)
    sources = [f"- {escape_markup(sentence)}" for sentence in grid.sources_of(entry)]
    return [*lines, *sources, *([""] if sources else [])]


def matrix_field(field: grid.Field) -> str:
    """A field, the best in bold, with what is published beside it."""
    text = f"**{escape_markup(field.text)}**" if field.best else escape_markup(field.text)
    return text + (f" (published {escape_markup(field.published)})" if field.published else "")


def run_cells(run: RunEntry, rate: RateColumn) -> list[str]:
    """Return the cells of a run."""
    data, throughput = run["dataset"], run["throughput"]
    words = [run["run"], run["state"], str(run["nodes"]), str(run["ranks"])]
    words += [
        rate.cell(short(throughput["run"]), throughput["unit"]),
        quality_text(run),
        accuracy_time_text(run),
        f"{data['name']}, {data['source']}" if data["source"] else "–",
    ]
    return [escape_markup(word) for word in words]


def scale_cells(entry: ScaleEntry, column: RateColumn, every: Set[Epochs]) -> list[str]:
    """Return the cells of the repeats at one scale; ``every``: the epochs of all of the table."""
    rate, time = entry["throughput"], entry["time_to_accuracy"]
    mean = "–" if time["olympic_mean_s"] is None else f"{time['olympic_mean_s']:.1f} s"
    words = [" ".join(subject_words(entry)), entry["recipe"], str(entry["nodes"]), str(entry["n"])]
    words += [
        column.cell(with_interval(rate["mean"], rate["interval"]), rate["unit"]) + warm_mark(entry["epochs"], every),
        mean,
        f"{time['reached']} of {time['n']}",
    ]
    return [escape_markup(word) for word in words]


def scaling_cells(entry: ScalingEntry, every: Set[Epochs]) -> list[str]:
    """Return the cells of an efficiency; ``every``: the epochs of all of the table."""
    span = entry["interval"]
    words = [" ".join(subject_words(entry)), entry["mode"], entry["comm"], entry["recipe"], str(entry["nodes"])]
    value = f"{entry['efficiency']:.3f}{warm_mark(entry['epochs'], every)}"
    words += [value, f"{span[0]:.3f} to {span[1]:.3f}" if span else "–", str(entry["n"])]
    return [escape_markup(word) for word in [*words, str(entry["base_nodes"])]]
