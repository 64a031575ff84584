"""Efficiency over nodes: measured with its interval, the ideal, and what is projected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.report.html.plots.figure import (
    Plot,
    axes,
    distinct,
    error_bars,
    label,
    logarithmic_nodes,
    name_of,
    reference_line,
    style,
)

KEY = ("benchmark", "cluster", "run_mode", "comm", "recipe", "dataset")
"""What a line's points have in common; stand-in and real data, or two versions of them, are never on one line."""


def series_of(entries: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], list[Mapping[str, Any]]]:
    """Entries by line, each in order of its nodes."""
    series: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for entry in sorted(entries, key=lambda entry: int(entry["nodes"])):
        series.setdefault(tuple(str(entry.get(name)) for name in KEY), []).append(entry)
    return series


def scaling(entries: Sequence[Mapping[str, Any]], mode: str) -> Plot | None:
    """Efficiency over nodes with intervals and the ideal line; None where nothing was scaled that way."""
    chosen = [entry for entry in entries if entry["mode"] == mode]
    if not chosen:
        return None
    nodes = sorted({entry["nodes"] for entry in chosen})
    named = distinct(chosen, KEY) or ["benchmark"]
    traces = [reference_line([nodes[0], nodes[-1]], [1.0, 1.0], "ideal", "dot")]
    for number, points in enumerate(series_of(chosen).values()):
        values = [point["efficiency"] for point in points]
        traces.append(
            {
                "x": [point["nodes"] for point in points],
                "y": values,
                "error_y": error_bars(values, [point["interval"] for point in points]),
                "mode": "lines+markers",
                "name": label(name_of(points[0], named)),
                "text": [hover(point) for point in points],
                "hovertemplate": "%{text}",
                **style(number),
            }
        )
    layout = axes("nodes", "efficiency")
    layout["xaxis"] |= logarithmic_nodes(nodes)
    layout["yaxis"] |= {"rangemode": "tozero", "tickformat": ".0%"}
    bases = sorted({entry["base_nodes"] for entry in chosen})
    note = (
        f"Warm throughput per node relative to that of the base ({', '.join(map(str, bases))} "
        f"node{'' if bases == [1] else 's'}); bars are 95 % bootstrap intervals that carry the base's uncertainty. "
    )
    note += "The batch per rank is constant." if mode == "weak" else "The global batch is constant."
    columns = ["benchmark", "cluster", "mode", "comm", "recipe", "dataset", "nodes", "ranks", "efficiency"]
    columns += ["low", "high", "n", "base_nodes"]
    rows = [
        [entry["benchmark"], entry.get("cluster"), entry.get("run_mode"), entry["comm"], entry["recipe"],
         entry.get("dataset"), entry["nodes"], entry["ranks"], entry["efficiency"],
         *(entry["interval"] or [None, None]), entry["n"], entry["base_nodes"]]
        for entry in chosen
    ]  # fmt: skip
    return Plot(f"scaling-{mode}", f"{mode.capitalize()} scaling", note, traces, layout, columns, rows)


def hover(point: Mapping[str, Any]) -> str:
    """A point in words."""
    span = point["interval"]
    between = f" [{100 * span[0]:.1f}, {100 * span[1]:.1f}]" if span else ""
    return (
        f"{point['nodes']} nodes, {point['ranks']} ranks: {100 * point['efficiency']:.1f} %{between}, n = {point['n']}"
    )
