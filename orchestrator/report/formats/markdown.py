"""A campaign as text for a ticket: GitHub's and GitLab's Markdown, and readable as it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from orchestrator.report import matrix
from orchestrator.report.entries import MatrixEntry, ReportDocument, RunEntry, ScaleEntry, ScalingEntry
from orchestrator.report.formats import Report
from orchestrator.report.tables.text import accuracy_time, headline, quality, short, subject_words, with_interval

MOST_SLOW = 10
"""Slow hosts and ranks that a ticket names."""
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$@&!])")


def plain(text: Any) -> str:
    """Text from outside that stays text: no markup, no mention, no link, on one line."""
    return SPECIAL.sub(r"\\\1", " ".join(str(text).split())).replace("://", ":\u200b//")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> list[str]:
    """Lines of a table whose cells are Markdown already."""
    marks = ["---:" if column in right else "---" for column in columns]
    return [f"| {' | '.join(line)} |" for line in (columns, marks, *rows)] + [""]


def render(reports: Sequence[Report]) -> str:
    """One section a campaign."""
    return "\n".join(line for report in reports for line in section(report.document))


def section(document: ReportDocument) -> list[str]:
    """Headline, runs, why any failed, repeats taken together, efficiencies, who is slow."""
    lines = [f"## Campaign {plain(document['campaign'])}", "", plain(headline(document)), ""]
    numbers = ("nodes", "ranks", "samples/s", "n", "efficiency")
    columns = ["run", "state", "nodes", "ranks", "samples/s", "quality", "time to accuracy", "data"]
    lines += table(columns, [run_line(run) for run in document["runs"]], numbers)
    causes = [run for run in document["runs"] if run["cause"]]
    lines += [f"- {plain(run['run'])}: {run['state']}: {plain(run['cause'])}" for run in causes]
    lines += [""] if causes else []
    for entry in matrix.shown(document["matrix"]):
        lines += matrix_lines(entry)
    if any(entry["n"] > 1 for entry in document["scales"]):
        columns = ["benchmark", "recipe", "nodes", "n", "samples/s, median [95 %]", "time to accuracy", "reached"]
        lines += ["Repeats:", ""]
        lines += table(columns, [scale_line(entry) for entry in document["scales"]], numbers)
    if document["scaling"]:
        columns = ["benchmark", "mode", "comm", "recipe", "nodes", "efficiency", "95 % interval", "n", "base"]
        lines += ["Scaling, warm throughput per node relative to the base:", ""]
        lines += table(columns, [scaling_line(entry) for entry in document["scaling"]], numbers)
    slow = dict.fromkeys(item["text"] for item in [*document["slow_hosts"], *document["stragglers"]])
    lines += [f"- {plain(text)}" for text in list(slow)[:MOST_SLOW]] + ([""] if slow else [])
    return lines


def matrix_lines(entry: MatrixEntry) -> list[str]:
    """Data sets × methods: a title, the table, where published values are from."""
    rows = [
        [plain(line.dataset), plain(line.quantity), *(matrix_field(field) for field in line.fields)]
        for line in matrix.grid_of(entry)
    ]
    methods = [plain(method) for method in entry["methods"]]
    lines = [f"Matrix of {plain(matrix.title_of(entry))}: {matrix.NOTE}.", ""]
    lines += table(["data set", "metric", *methods], rows, methods)
    sources = [f"- {plain(sentence)}" for sentence in matrix.sources_of(entry)]
    return [*lines, *sources, *([""] if sources else [])]


def matrix_field(field: matrix.Field) -> str:
    """A field, the best in bold, with what is published beside it."""
    text = f"**{plain(field.text)}**" if field.best else plain(field.text)
    return text + (f" (published {plain(field.published)})" if field.published else "")


def run_line(run: RunEntry) -> list[str]:
    """Cells of a run."""
    data = run["dataset"]
    words = [run["run"], run["state"], str(run["nodes"]), str(run["ranks"]), short(run["throughput"]["run"])]
    words += [quality(run), accuracy_time(run), f"{data['name']}, {data['source']}" if data["source"] else "–"]
    return [plain(word) for word in words]


def scale_line(entry: ScaleEntry) -> list[str]:
    """Cells of the repeats at one scale."""
    rate, time = entry["throughput"], entry["time_to_accuracy"]
    mean = "–" if time["olympic_mean_s"] is None else f"{time['olympic_mean_s']:.1f} s"
    words = [" ".join(subject_words(entry)), entry["recipe"], str(entry["nodes"]), str(entry["n"])]
    words += [with_interval(rate["median"], rate["interval"]), mean, f"{time['reached']} of {time['n']}"]
    return [plain(word) for word in words]


def scaling_line(entry: ScalingEntry) -> list[str]:
    """Cells of an efficiency."""
    span = entry["interval"]
    words = [" ".join(subject_words(entry)), entry["mode"], entry["comm"], entry["recipe"], str(entry["nodes"])]
    words += [f"{entry['efficiency']:.3f}", f"{span[0]:.3f} to {span[1]:.3f}" if span else "–", str(entry["n"])]
    return [plain(word) for word in [*words, str(entry["base_nodes"])]]
