"""Throughput and efficiency over nodes: measured values with intervals, the ideal, and the fitted laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from orchestrator.records import items_of
from orchestrator.report.entries.series import LawEntry, ScaleEntry, ScalingEntry, SeriesEntry
from orchestrator.report.entries.values import values_of
from orchestrator.report.html.plots.figure import (
    Plot,
    Plotly,
    axes,
    colour,
    count_text,
    decade_axis,
    distinguishing_keys,
    error_bars,
    label,
    name_of,
    node_axis,
    reference_line,
    round_digits,
    style,
)
from orchestrator.report.tables.scales import LAWS
from orchestrator.report.tables.units import RateColumn, compared_text

Placed = TypeVar("Placed", ScaleEntry, ScalingEntry)

KEY = ("benchmark", "cluster", "run_mode", "comm", "recipe", "dataset", "method", "settings")
"""Keys that the points of a line share. Stand-in and real data, or two versions of data, are never on one line."""
NO_INTERVAL: list[float | None] = [None, None]
COLUMNS = [
    "benchmark",
    "cluster",
    "run_mode",
    "comm",
    "recipe",
    "dataset",
    "method",
    "mode",
    "epochs",
    "nodes",
    "ranks",
]


def group_by_line(entries: Sequence[Placed]) -> list[list[Placed]]:
    """Return entries grouped by KEY, each group in order of its nodes and of the same epochs."""
    series: dict[tuple[str, ...], list[Placed]] = {}
    for entry in sorted(entries, key=lambda entry: int(entry["nodes"])):
        series.setdefault(tuple(map(str, values_of(entry, (*KEY, "epochs")))), []).append(entry)
    return list(series.values())


def line_name(entry: SeriesEntry, named: Sequence[str]) -> str:
    """Return a legend's text."""
    words = name_of(entry, [name for name in named if name != "settings"])
    swept = ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in entry["settings"].items())
    return ", ".join(word for word in (words, swept) if word) or str(entry["benchmark"])


def plot_efficiency(entries: Sequence[ScalingEntry], laws: Sequence[LawEntry], mode: str) -> Plot | None:
    """Plot efficiency over nodes with intervals, ideal and laws; None if nothing was scaled in this mode."""
    chosen = [entry for entry in entries if entry["mode"] == mode]
    if not chosen:
        return None
    nodes = sorted({entry["nodes"] for entry in chosen})
    named = distinguishing_keys(chosen, KEY) or ["benchmark"]
    traces = [reference_line([nodes[0], nodes[-1]], [1.0, 1.0], "ideal", "dot")]
    for number, points in enumerate(group_by_line(chosen)):
        values = [point["efficiency"] for point in points]
        name = label(line_name(points[0], named))
        traces.append(
            {
                "x": [point["nodes"] for point in points],
                "y": values,
                "error_y": error_bars(values, [point["interval"] for point in points]),
                "mode": "lines+markers",
                "name": name,
                "text": [efficiency_text(point) for point in points],
                "hovertemplate": "%{text}",
                **style(number),
            }
        )
        alike = [law for law in laws if law["mode"] == mode and values_of(law, KEY) == values_of(points[0], KEY)]
        traces += [law_trace(law, name, number) for law in alike if law["rms"] is not None]
    layout = axes("nodes", "efficiency")
    layout["xaxis"] = node_axis("nodes", nodes)
    layout["yaxis"] |= {"rangemode": "tozero", "tickformat": ".0%"}
    bases = ", ".join(count_text(base, "node") for base in sorted({entry["base_nodes"] for entry in chosen}))
    note = (
        f"Throughput of {compared_text(entry['epochs'] for entry in chosen)} per node, relative to that of the base "
        f"({bases}), with 95 % intervals that carry "
        f"the base's uncertainty. The {'batch per rank' if mode == 'weak' else 'global batch'} is constant."
    )
    rows = [
        [*values_of(entry, COLUMNS), entry["efficiency"], *(entry["interval"] or NO_INTERVAL), entry["n"],
         entry["base_nodes"], entry["serial_fraction"]]
        for entry in chosen
    ]  # fmt: skip
    columns = [*COLUMNS, "efficiency", "low", "high", "n", "base_nodes", "serial_fraction"]
    return Plot(f"scaling-{mode}", f"{mode.capitalize()} scaling", note, traces, layout, columns, rows)


def law_trace(law: LawEntry, name: str, number: int) -> Plotly:
    """Return a fitted law as a thin dotted line through the scales that were run."""
    points = sorted((int(nodes), value) for nodes, value in law["efficiency"].items())
    values = ", ".join(f"{key} {value:.3g}" for key, value in law["parameters"].items())
    return {
        "x": [nodes for nodes, _ in points],
        "y": [round_digits(value) for _, value in points],
        "mode": "lines",
        "name": f"{name}: {LAWS[law['law']]} ({values})",
        "line": {"color": colour(number), "dash": "dot" if law["law"] == "usl" else "dashdot", "width": 1},
        "visible": "legendonly",
        "hovertemplate": f"{LAWS[law['law']]}: %{{y:.1%}}<extra></extra>",
    }


def efficiency_text(point: ScalingEntry) -> str:
    """Return a point's hover text."""
    span = point["interval"]
    between = f" [{100 * span[0]:.1f}, {100 * span[1]:.1f}]" if span else ""
    place = f"{count_text(point['nodes'], 'node')}, {count_text(point['ranks'], 'rank')}"
    return f"{place}: {100 * point['efficiency']:.1f} %{between}, n = {point['n']}"


def plot_throughputs(scales: Sequence[ScaleEntry]) -> list[Plot]:
    """Plot throughput over nodes, a plot for each unit that was counted in."""
    by_unit: dict[str, list[ScaleEntry]] = {}
    for entry in scales:
        by_unit.setdefault(entry["throughput"]["unit"], []).append(entry)
    drawn = {unit: plot for unit, members in by_unit.items() if (plot := plot_throughput(members, unit))}
    if len(drawn) < 2:
        return list(drawn.values())
    return [
        replace(plot, key=f"{plot.key}-{items_of(unit)}", title=f"{plot.title}, {unit}") for unit, plot in drawn.items()
    ]


def plot_throughput(scales: Sequence[ScaleEntry], unit: str) -> Plot | None:
    """Plot throughput, all in one unit, over nodes with intervals, each line with its ideal; None without a second
    scale.
    """
    lines = [line for line in group_by_line(scales) if len({entry["nodes"] for entry in line}) > 1]
    chosen = [entry for line in lines for entry in line]
    if not chosen:
        return None
    named = distinguishing_keys(chosen, (*KEY, "mode")) or ["benchmark"]
    traces: list[Plotly] = []
    for number, points in enumerate(lines):
        values = [point["throughput"]["mean"] for point in points]
        base = points[0]
        ideal = [values[0] * point["nodes"] / base["nodes"] for point in points]
        faint = reference_line([point["nodes"] for point in points], ideal, "ideal", "dot")
        traces.append({**faint, "showlegend": number == 0, "legendgroup": "ideal"})
        traces.append(
            {
                "x": [point["nodes"] for point in points],
                "y": values,
                "error_y": error_bars(values, [point["throughput"]["interval"] for point in points]),
                "mode": "lines+markers",
                "name": label(line_name(base, named)),
                "text": [throughput_text(point) for point in points],
                "hovertemplate": "%{text}",
                **style(number),
            }
        )
    layout = axes("nodes", unit)
    layout["xaxis"] = node_axis("nodes", (entry["nodes"] for entry in chosen))
    layout["yaxis"] = decade_axis(unit, (entry["throughput"]["mean"] for entry in chosen))
    note = (
        f"Throughput of {compared_text(entry['epochs'] for entry in chosen)}, over all ranks: geometric mean of the "
        "repeats with its 95 % interval; cold in the table."
    )
    (name,) = RateColumn(unit).names
    columns = [*COLUMNS, name, "low", "high", "n", f"cold_{name}", "failed"]
    rows = [
        [*values_of(entry, COLUMNS), entry["throughput"]["mean"],
         *(entry["throughput"]["interval"] or NO_INTERVAL), entry["n"],
         entry["throughput"]["cold"]["mean"] if entry["throughput"]["cold"] else None, entry["failed"]]
        for entry in chosen
    ]  # fmt: skip
    return Plot("throughput", "Throughput by scale", note, traces, layout, columns, rows)


def throughput_text(point: ScaleEntry) -> str:
    """Return a point's hover text."""
    rate = point["throughput"]
    between = f" [{rate['interval'][0]:.4g}, {rate['interval'][1]:.4g}]" if rate["interval"] else ""
    place = f"{count_text(point['nodes'], 'node')}, {count_text(point['ranks'], 'rank')}"
    return f"{place}: {rate['mean']:.4g} {rate['unit']}{between}, n = {point['n']}"


def plot_energy(scales: Sequence[ScaleEntry], scopes: str = "") -> Plot | None:
    """Plot energy to the quality target over nodes; None if no machine reported power. ``scopes``: what was metered."""
    chosen = [entry for entry in scales if entry["energy_to_accuracy_j"]]
    if not chosen:
        return None
    named = distinguishing_keys(chosen, KEY) or ["benchmark"]
    traces = []
    for number, points in enumerate(group_by_line(chosen)):
        joules = [point["energy_to_accuracy_j"] for point in points if point["energy_to_accuracy_j"]]
        values, spans = [item["mean"] for item in joules], [item["interval"] for item in joules]
        traces.append(
            {
                "x": [point["nodes"] for point in points],
                "y": values,
                "error_y": error_bars(values, spans),
                "mode": "lines+markers",
                "name": label(line_name(points[0], named)),
                "hovertemplate": "%{x} nodes: %{y:.4g} J<extra></extra>",
                **style(number),
            }
        )
    layout = axes("nodes", "J to the target")
    layout["xaxis"] = node_axis("nodes", (entry["nodes"] for entry in chosen))
    layout["yaxis"] |= {"rangemode": "tozero"}
    note = "What the nodes' meters counted until the target was reached, geometric mean of the repeats that reached it."
    note += f" {scopes}." if scopes else ""
    columns = [*COLUMNS, "energy_to_accuracy_j", "low", "high", "n"]
    rows = [
        [*values_of(entry, COLUMNS), spread["mean"], *(spread["interval"] or NO_INTERVAL), spread["n"]]
        for entry in chosen
        if (spread := entry["energy_to_accuracy_j"])
    ]  # fmt: skip
    return Plot("energy", "Energy to accuracy", note, traces, layout, columns, rows)
