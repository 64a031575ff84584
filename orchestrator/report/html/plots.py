"""What is drawn of a report document: pure functions to plots, as plain Plotly figures with the table behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""Distinct to the colour-blind (Okabe and Ito 2008)."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
PARTS = ("data", "compute", "communicate")


@dataclass(frozen=True)
class Plot:
    """A figure, and its data as a table: what screen readers and the CSV file get."""

    key: str
    title: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]
    columns: list[str]
    rows: list[list[Any]]


def axes(x: str, y: str, **more: Any) -> dict[str, Any]:
    """A layout with axis titles."""
    return {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}, "rangemode": "tozero"}, **more}


def label(text: Any) -> str:
    """Text for Plotly, which reads a subset of HTML in names and hover texts."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def style(number: int) -> dict[str, Any]:
    """Colour and symbol of a line, so that neither alone tells lines apart."""
    colour = COLOURS[number % len(COLOURS)]
    return {"line": {"color": colour}, "marker": {"color": colour, "symbol": SYMBOLS[number % len(SYMBOLS)], "size": 8}}


def scaling(entries: Sequence[Mapping[str, Any]], mode: str) -> Plot | None:
    """Efficiency over nodes with intervals and the ideal line; None where there is no such scaling."""
    chosen = [entry for entry in entries if entry["mode"] == mode]
    if not chosen:
        return None
    names = ("benchmark", "comm", "recipe")
    series: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for entry in chosen:
        key = (*(str(entry[name]) for name in names), str(entry.get("run_mode", "training")))
        series.setdefault(key, []).append(entry)
    nodes = sorted({entry["nodes"] for entry in chosen})
    traces: list[dict[str, Any]] = [
        {
            "x": nodes,
            "y": [1.0] * len(nodes),
            "mode": "lines",
            "name": "ideal",
            "line": {"dash": "dot", "color": "#888"},
        }
    ]
    for number, (key, points) in enumerate(series.items()):
        spans = [point["interval"] or [point["efficiency"]] * 2 for point in points]
        pairs = list(zip(points, spans, strict=True))
        traces.append(
            {
                "x": [point["nodes"] for point in points],
                "y": [point["efficiency"] for point in points],
                "error_y": {
                    "array": [span[1] - point["efficiency"] for point, span in pairs],
                    "arrayminus": [point["efficiency"] - span[0] for point, span in pairs],
                },
                "mode": "lines+markers",
                "name": label(" ".join(key)),
                **style(number),
            }
        )
    rows = [
        [*(entry[name] for name in names), entry["nodes"], entry["efficiency"], *(entry["interval"] or [None, None]),
         entry["n"], entry["base_nodes"]]
        for entry in chosen
    ]  # fmt: skip
    layout = axes("nodes", "efficiency")
    layout["xaxis"] |= {"type": "log", "tickvals": nodes}
    columns = [*names, "nodes", "efficiency", "low", "high", "n", "base_nodes"]
    return Plot(f"scaling-{mode}", f"{mode.capitalize()} scaling, 95 % intervals", traces, layout, columns, rows)


def accuracy(runs: Sequence[Mapping[str, Any]]) -> list[Plot]:
    """Quality against time of every run, one plot a (benchmark, data set, metric), with its target line."""
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        if run["evaluations"]:
            data = f"{run['dataset']['name']} ({run['dataset']['source']})"
            groups.setdefault((run["benchmark"], data, str(run["quality"]["metric"])), []).append(run)
    plots = []
    for place, ((benchmark, data, metric), members) in enumerate(groups.items()):
        traces: list[dict[str, Any]] = []
        rows = []
        for number, run in enumerate(members):
            points = run["evaluations"]
            traces.append(
                {
                    "x": [point["seconds"] for point in points],
                    "y": [point["value"] for point in points],
                    "mode": "lines+markers",
                    "name": label(run["run"]),
                    **style(number),
                }
            )
            rows += [[run["run"], point["epoch"], point["seconds"], point["value"]] for point in points]
        target = members[0]["quality"]["target"]
        if target is not None:
            last = max(row[2] for row in rows)
            line = {"dash": "dash", "color": "#888"}
            traces.append({"x": [0, last], "y": [target] * 2, "mode": "lines", "name": "target", "line": line})
        title = f"{benchmark}: {metric} against time, {data}"
        columns = ["run", "epoch", "seconds", metric]
        plots.append(Plot(f"accuracy-{place}", title, traces, axes("seconds", label(metric)), columns, rows))
    return plots


def bars(key: str, title: str, unit: str, names: list[str], parts: Mapping[str, list[float]]) -> Plot:
    """Stacked horizontal bars, one a name."""
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "y": [label(name) for name in names],
            "x": values,
            "name": label(part),
            "marker": {"color": COLOURS[number % len(COLOURS)]},
        }
        for number, (part, values) in enumerate(parts.items())
    ]
    layout = {
        "barmode": "stack",
        "xaxis": {"title": {"text": unit}},
        "yaxis": {"automargin": True, "type": "category"},
        "height": 200 + 32 * len(names),
    }
    rows = [[name, *(values[place] for values in parts.values())] for place, name in enumerate(names)]
    return Plot(key, title, traces, layout, ["run", *parts], rows)


def time_split(runs: Sequence[Mapping[str, Any]]) -> Plot | None:
    """Seconds of data, compute and communication, summed over the ranks of each run."""
    measured = [run for run in runs if run["time_per_rank_s"]]
    if not measured:
        return None
    parts = {part: [sum(rank[part] for rank in run["time_per_rank_s"]) for run in measured] for part in PARTS}
    return bars("time", "Where the step time went", "rank-seconds", [run["run"] for run in measured], parts)


def phases(runs: Sequence[Mapping[str, Any]]) -> Plot | None:
    """Seconds of each phase on its slowest rank."""
    measured = [run for run in runs if run["phases_s"]]
    if not measured:
        return None
    found = list(dict.fromkeys(phase for run in measured for phase in run["phases_s"]))
    parts = {phase: [run["phases_s"].get(phase, 0.0) for run in measured] for phase in found}
    return bars("phases", "Phases", "seconds", [run["run"] for run in measured], parts)


def heat_map(content: Mapping[str, Any]) -> Plot:
    """Samples/s by rank over steps, from what ``telemetry.throughput_map`` read."""
    values, ranks, steps = content["values"], content["ranks"], content["steps"]
    trace = {
        "type": "heatmap",
        "z": values,
        "x": steps,
        "y": ranks,
        "colorscale": "Cividis",
        "colorbar": {"title": {"text": "samples/s"}},
    }
    layout = {"xaxis": {"title": {"text": "step"}}, "yaxis": {"title": {"text": "rank"}}}
    rows = [
        [rank, step, value]
        for rank, line in zip(ranks, values, strict=True)
        for step, value in zip(steps, line, strict=True)
    ]
    return Plot("heat", "Throughput by rank", [trace], layout, ["first_rank", "first_step", "samples_per_s"], rows)


def history(rows: Sequence[Mapping[str, Any]]) -> list[Plot]:
    """Throughput of every run over time, a plot a (benchmark, cluster): data of two sources never share a line."""
    names = ("benchmark", "cluster", "nodes", "recipe", "dataset_name", "dataset_source", "comm", "mode", "scale")
    plots: dict[tuple[str, str], dict[tuple[Any, ...], list[Mapping[str, Any]]]] = {}
    for row in rows:
        if row["throughput"] is not None:
            lines = plots.setdefault((row["benchmark"], row["cluster"]), {})
            lines.setdefault(tuple(row[name] for name in names), []).append(row)
    made = []
    for place, ((benchmark, cluster), lines) in enumerate(plots.items()):
        traces = [
            {
                # Whole minutes are enough, and keep the page small.
                "x": [int(row["created"] // 60) * 60000 for row in line],
                "y": [float(f"{row['throughput']:.5g}") for row in line],
                "mode": "markers",
                "type": "scattergl" if len(line) > 5000 else "scatter",
                "name": label(f"{key[2]} nodes, {', '.join(map(str, key[3:]))}"),
                **style(number),
            }
            for number, (key, line) in enumerate(lines.items())
        ]
        data = [
            [*key, row["campaign"], row["created"], row["throughput"]] for key, line in lines.items() for row in line
        ]
        layout = axes("date", "samples/s")
        layout["xaxis"]["type"] = "date"
        columns = [*names, "campaign", "planned_at", "samples_per_s"]
        made.append(Plot(f"history-{place}", f"{benchmark} on {cluster}", traces, layout, columns, data))
    return made
