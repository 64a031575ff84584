"""Quality against time of every repeat, and time to the target by scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from orchestrator.analysis.accuracy import median_curve
from orchestrator.analysis.statistics import olympic_summary
from orchestrator.report.entries.runs import RunEntry
from orchestrator.report.html.plots.figure import (
    SYMBOLS,
    Plot,
    Plotly,
    axes,
    colour,
    count_text,
    distinguishing_keys,
    label,
    name_of,
    node_axis,
    reference_line,
    round_digits,
    style,
)
from orchestrator.store.entries import columns_of

TASK = ("benchmark", "cluster", "dataset", "metric")
LINE = ("method", "scale", "comm", "recipe", "nodes")


class Training(TypedDict):
    """A run with the keys TASK, which runs in one plot share, and LINE, which runs on one line share, and its target.

    ``dataset`` is its name, source, split, version and checksum.
    """

    benchmark: str
    method: str
    cluster: str
    scale: str
    comm: str
    recipe: str
    nodes: int
    dataset: tuple[str | None, str | None, str | None, str | None, str | None]
    metric: str | None
    target: float | None
    run: RunEntry


def describe_run(run: RunEntry) -> Training:
    """Return a run with the keys that group it."""
    data = run["dataset"]
    return {
        "benchmark": run["benchmark"],
        "method": run["method"],
        "cluster": run["cluster"],
        "scale": run["scale"],
        "comm": run["comm"],
        "recipe": run["recipe"],
        "nodes": run["nodes"],
        "dataset": (data["name"], data["source"], data["split"], data["version"], data["checksum"]),
        "metric": run["quality"]["metric"],
        "target": run["quality"]["target"],
        "run": run,
    }


def group_by_task(runs: Sequence[RunEntry], *further: str) -> list[list[Training]]:
    """Return trainings with evaluations, grouped by TASK and the further keys."""
    found: dict[tuple[object, ...], list[Training]] = {}
    for run in runs:
        if run["evaluations"] and run["mode"] == "training":
            entry = describe_run(run)
            found.setdefault(columns_of(entry, (*TASK, *further)), []).append(entry)
    return list(found.values())


def group_by_line(entries: Sequence[Training]) -> dict[tuple[object, ...], list[Training]]:
    """Return repeats grouped by LINE, in order of scale."""
    lines: dict[tuple[object, ...], list[Training]] = {}
    for entry in sorted(entries, key=lambda entry: ([*map(str, columns_of(entry, LINE[:-1]))], entry["nodes"])):
        lines.setdefault(columns_of(entry, LINE), []).append(entry)
    return lines


def dataset_text(entry: Training) -> str:
    """Return the data set for a title."""
    name, source, split = entry["dataset"][:3]
    return f"{name}, {source} data" if split is None else f"{name}, {source} data, {split} split"


def subject_of(entry: Training) -> str:
    """Return benchmark and data set for a title: plots of two data sets have two titles."""
    name = str(entry["dataset"][0])
    return str(entry["benchmark"]) if name == entry["benchmark"] else f"{entry['benchmark']}, {name}"


def line_name(entry: Training, named: Sequence[str]) -> str:
    """Return a legend's text: the differing keys, and the nodes."""
    words = name_of(entry, [name for name in named if name != "nodes"])
    nodes = count_text(entry["nodes"], "node")
    return f"{words}, {nodes}" if words else nodes


def plot_curves(runs: Sequence[RunEntry]) -> list[Plot]:
    """Plot quality against time of every repeat, the median curve and the targets, one plot for each task: methods are
    seen beside each other, also those that have a target of their own or none.
    """
    plots = []
    for place, entries in enumerate(group_by_task(runs)):
        metric, targets = (
            str(entries[0]["metric"]),
            {entry["target"] for entry in entries if entry["target"] is not None},
        )
        named = distinguishing_keys(entries, LINE)
        traces: list[Plotly] = []
        rows: list[list[Any]] = []
        for number, members in enumerate(group_by_line(entries).values()):
            drawn, data = curve_traces(members, number, line_name(members[0], named))
            traces += drawn
            rows += data
        last = max(float(row[3]) for row in rows)
        traces += [reference_line([0, last], [target] * 2, f"target {target:g}") for target in sorted(targets)]
        note = f"{dataset_text(entries[0])}. Time counts from the first touch of training data, evaluation included."
        layout = axes("seconds", metric)
        layout["xaxis"]["rangemode"] = "tozero"
        title = f"{subject_of(entries[0])}: {metric} against time"
        columns = ["run", "nodes", "epoch", "seconds", metric]
        plots.append(Plot(f"accuracy-{place}", title, note, traces, layout, columns, rows))
    return plots


def curve_traces(members: Sequence[Training], number: int, name: str) -> tuple[list[Plotly], list[list[Any]]]:
    """Return a thin curve for each repeat, a thick one for their median, and the rows of both."""
    evaluations = [entry["run"]["evaluations"] for entry in members]
    middle = median_curve([[(row["seconds"], row["value"]) for row in found] for found in evaluations])
    look = style(number, 5)
    traces, rows = [], []
    for repeat, (entry, found) in enumerate(zip(members, evaluations, strict=True)):
        run = entry["run"]["run"]
        traces.append(
            {
                "x": [round_digits(row["seconds"]) for row in found],
                "y": [round_digits(row["value"]) for row in found],
                "mode": "lines+markers",
                "name": label(f"{name}, repeats" if middle else name),
                "legendgroup": label(name),
                "showlegend": repeat == 0,
                "opacity": 0.45 if middle else 1.0,
                "text": [f"{label(run)}<br>epoch {row['epoch']}" for row in found],
                "hovertemplate": "%{text}: %{y:.4g} after %{x:.4g} s<extra></extra>",
                **look,
                "line": {**look["line"], "width": 1},
            }
        )
        rows += [[run, entry["nodes"], row["epoch"], row["seconds"], row["value"]] for row in found]
    if middle:
        whose = f"median of {len(members)}"
        traces.append(
            {
                "x": [round_digits(seconds) for seconds, _ in middle],
                "y": [round_digits(value) for _, value in middle],
                "mode": "lines",
                "name": label(f"{name}, {whose}"),
                "legendgroup": label(name),
                "line": {"color": colour(number), "width": 3},
                "hovertemplate": "median %{y:.4g} after %{x:.4g} s<extra></extra>",
            }
        )
        rows += [[whose, members[0]["nodes"], None, *point] for point in middle]
    return traces, rows


def plot_times_to_accuracy(runs: Sequence[RunEntry]) -> list[Plot]:
    """Plot time to accuracy by scale, one plot for each task and target that was trained at several scales."""
    plots = []
    for place, entries in enumerate(group_by_task(runs, "target")):
        finished = [entry for entry in entries if entry["run"]["state"] == "completed" and entry["target"] is not None]
        nodes = sorted({entry["nodes"] for entry in finished})
        if len(nodes) < 2 or all(entry["run"]["time_to_accuracy_s"] is None for entry in finished):
            continue
        rows = [
            [entry["run"]["run"], entry["nodes"], entry["run"]["ranks"], entry["run"]["training"].get("global_batch"),
             entry["run"]["training"].get("epochs"), entry["run"]["time_to_accuracy_s"]]
            for entry in finished
        ]  # fmt: skip
        traces: list[Plotly] = []
        lines: dict[tuple[object, ...], list[list[Training]]] = {}
        for key, members in group_by_line(finished).items():
            lines.setdefault(key[:-1], []).append(members)
        named = [name for name in distinguishing_keys(finished, LINE) if name != "nodes"]
        for number, scales in enumerate(lines.values()):
            name = name_of(scales[0][0], named) or str(scales[0][0]["benchmark"])
            traces += time_traces(scales, number, name)
        layout = axes("nodes", "seconds to the target")
        layout["xaxis"] = node_axis("nodes", nodes)
        layout["yaxis"] |= {"rangemode": "tozero"}
        note = (
            "Every repeat that reached the target, and their mean without the fastest and the slowest, which needs "
            "three repeats of which at most one missed. The ideal is the smallest scale's mean ÷ the times more nodes; "
            "a larger global batch that needs more epochs shows here while throughput looks perfect."
        )
        title = f"{subject_of(entries[0])}: time to {entries[0]['metric']} {entries[0]['target']:g} by scale"
        columns = ["run", "nodes", "ranks", "global_batch", "epochs", "time_to_accuracy_s"]
        plots.append(Plot(f"tta-{place}", title, note, traces, layout, columns, rows))
    return plots


def time_traces(scales: Sequence[Sequence[Training]], number: int, name: str) -> list[Plotly]:
    """Return, for one line over scales, the repeats as dots, the means as a line, and the ideal from the first mean."""
    dots: list[tuple[int, float, str]] = []
    means: list[tuple[int, float, str]] = []
    for members in scales:
        nodes = members[0]["nodes"]
        values = [entry["run"]["time_to_accuracy_s"] for entry in members]
        found = olympic_summary(values)
        dots += [
            (nodes, value, label(entry["run"]["run"]))
            for entry, value in zip(members, values, strict=True)
            if value is not None
        ]
        if found.mean is not None:
            means.append((nodes, found.mean, f"{found.reached} of {found.n} repeats reached the target"))
    traces: list[Plotly] = [
        {
            "x": [x for x, _, _ in dots],
            "y": [round_digits(y) for _, y, _ in dots],
            "text": [text for _, _, text in dots],
            "mode": "markers",
            "name": label(f"{name}, repeats"),
            "opacity": 0.55,
            "marker": {"color": colour(number), "symbol": SYMBOLS[number % len(SYMBOLS)], "size": 9},
            "hovertemplate": "%{text}: %{y:.4g} s<extra></extra>",
        }
    ]
    if means:
        first = means[0]
        traces.append(
            {
                "x": [x for x, _, _ in means],
                "y": [round_digits(y) for _, y, _ in means],
                "text": [text for _, _, text in means],
                "mode": "lines+markers",
                "name": label(f"{name}, olympic mean"),
                "hovertemplate": "%{x} nodes: mean %{y:.4g} s<br>%{text}<extra></extra>",
                **style(number, 6),
            }
        )
        scale = [members[0]["nodes"] for members in scales]
        ideal = [(nodes, first[1] * first[0] / nodes) for nodes in scale if nodes >= first[0]]
        if len(ideal) > 1:
            xs, ys = zip(*ideal, strict=True)
            traces.append(reference_line(xs, ys, "ideal", "dot"))
    return traces
