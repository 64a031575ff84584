"""Throughput by rank over the steps of a run, as a heat map."""

from __future__ import annotations

from orchestrator.records import items_of
from orchestrator.report.html.plots.figure import Plot
from orchestrator.report.tables.units import RateColumn
from orchestrator.telemetry.heat import ThroughputMap


def plot_heat_map(content: ThroughputMap, key: str, title: str) -> Plot:
    """Plot throughput by rank over the steps."""
    ranks, steps = content.ranks, content.steps
    rows = [
        [*block_ends(ranks, content.rank_count, row), *block_ends(steps, content.step_count, column), value]
        for row, line in enumerate(content.values)
        for column, value in enumerate(line)
    ]
    fine = len(ranks) <= 24
    trace = {
        "type": "heatmap",
        "z": content.values,
        "x": steps,
        "y": [str(rank) for rank in ranks] if fine else ranks,
        "colorscale": "Cividis",
        "colorbar": {"title": {"text": content.unit, "side": "right"}, "thickness": 12, "outlinewidth": 0},
        "hovertemplate": f"rank %{{y}}, step %{{x}}: %{{z:.4g}} {content.unit}<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": "step"}, "showgrid": False},
        "yaxis": {"title": {"text": "rank"}, "showgrid": False, "type": "category" if fine else "linear"},
        "height": max(200, min(560, 130 + 26 * len(ranks))),
    }
    whole = len(ranks) == content.rank_count and len(steps) == content.step_count
    note = "Over the steps. A horizontal stripe is a slow rank, a vertical one a moment in which all were slow."
    if not whole:
        note += f" Of {content.rank_count} ranks × {content.step_count} steps in blocks: "
        note += f"{items_of(content.unit)} ÷ seconds of each."
    columns = ["first_rank", "last_rank", "first_step", "last_step", *RateColumn(content.unit).names]
    return Plot(key, title, note, [trace], layout, columns, rows, across=True)


def block_ends(starts: list[int], count: int, place: int) -> tuple[int, int]:
    """Return the first and last index of a block."""
    after = starts[place + 1] if place + 1 < len(starts) else count
    return starts[place], after - 1
