"""Efficiency beyond the measured scales: a plot of its own, dashed and labelled."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.entries.projection import ProjectionEntry
from orchestrator.report.entries.values import values_of
from orchestrator.report.html.plots.figure import Plot, axes, colour, distinguishing_keys, error_bars, label, node_axis
from orchestrator.report.html.plots.scaling import KEY, line_name

COLUMNS = ["benchmark", "cluster", "dataset", "method", "comm", "recipe"]
TIMES = ["own_s", "straggling_s", "communication_s"]


def plot_projection(entries: Sequence[ProjectionEntry]) -> Plot | None:
    """Plot projected weak efficiency over ranks; None without a projection."""
    chosen = [entry for entry in entries if entry["points"]]
    if not chosen:
        return None
    named = distinguishing_keys(chosen, KEY) or ["benchmark"]
    traces = [
        {
            "x": [point["ranks"] for point in entry["points"]],
            "y": [point["efficiency"] for point in entry["points"]],
            "error_y": error_bars(
                [point["efficiency"] for point in entry["points"]], [point["band"] for point in entry["points"]]
            ),
            "text": ["assumed" if point["assumed"] else "" for point in entry["points"]],
            "mode": "lines+markers+text",
            "textposition": "top center",
            "name": label(f"{line_name(entry, named)}, projected"),
            "line": {"color": colour(number), "dash": "dash"},
            "marker": {"color": colour(number), "symbol": "circle-open", "size": 8},
            "hovertemplate": "projected, not measured: %{y:.1%} at %{x} ranks<extra></extra>",
        }
        for number, entry in enumerate(chosen)
    ]
    layout = axes("ranks", "projected efficiency")
    layout["xaxis"] = node_axis("ranks", (point["ranks"] for entry in chosen for point in entry["points"]))
    layout["yaxis"] |= {"rangemode": "tozero", "tickformat": ".0%"}
    errors = [abs(item["error"]) for entry in chosen for item in entry["check"]]
    note = "Not measured: the data-parallel step simulated from the measured steps and the profile's network. "
    note += "Bars hold all machines that would have measured the same; what is assumed is a guess. "
    note += f"On scales that were measured it is off by at most {100 * max(errors):.1f} points." if errors else ""
    rows = [
        [*values_of(entry, COLUMNS), "projected", entry["base_ranks"], point["ranks"], point["nodes"],
         point["efficiency"], *point["band"], *values_of(point, TIMES)]
        for entry in chosen
        for point in entry["points"]
    ]  # fmt: skip
    columns = [*COLUMNS, "label", "base_ranks", "ranks", "nodes", "efficiency", "low", "high", *TIMES]
    return Plot("projection", "Projected efficiency", note, traces, layout, columns, rows)
