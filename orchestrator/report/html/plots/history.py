"""Throughput over the weeks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.report.html.plots.figure import Plot, axes, label, style


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
        made.append(Plot(f"history-{place}", f"{benchmark} on {cluster}", "Every run.", traces, layout, columns, data))
    return made
