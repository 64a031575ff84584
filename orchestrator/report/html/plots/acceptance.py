"""Plots of an acceptance: checks beside their bounds, nodes and links beside their fleet, messages by size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from orchestrator.report.html.plots.figure import Plot, Plotly, colour, decade_axis, label, style

OUTCOME_COLOURS = {"pass": "--good", "fail": "--bad", "undecided": "--warn"}
OUTCOME_SYMBOLS = {"pass": "circle", "fail": "x", "undecided": "diamond"}


class Margin(TypedDict):
    """What is drawn of a check: outcome, value and its interval, both ends of the bounds, and the number of values."""

    outcome: str
    value: float | None
    interval: list[float | None] | None
    bounds: list[float | None] | None
    unit: str
    n: int


def plot_margins(checks: Sequence[Margin], names: Sequence[str]) -> Plot | None:
    """Plot value and interval ÷ bound of every check whose bound is not zero. ``names`` are the checks' titles."""
    rows: list[list[object]] = []
    points: list[tuple[str, str, float, float, float]] = []
    for check, name in zip(checks, names, strict=True):
        low, high = check["bounds"] or (None, None)
        bound = low if low else high
        if check["value"] is None or not bound or check["outcome"] not in OUTCOME_COLOURS:
            continue
        least, greatest = (end if end is not None else check["value"] for end in check["interval"] or (None, None))
        side = "at least" if low else "at most"
        points.append((f"{name} ({side})", check["outcome"], check["value"] / bound, least / bound, greatest / bound))
        rows.append([*points[-1], check["unit"], check["n"]])
    if not rows:
        return None
    traces: list[Plotly] = []
    for outcome, shade in OUTCOME_COLOURS.items():
        members = [point for point in points if point[1] == outcome]
        if members:
            traces.append(
                {
                    "type": "scatter", "mode": "markers", "name": outcome, "y": [label(point[0]) for point in members],
                    "x": [point[2] for point in members],
                    "error_x": {
                        "type": "data", "array": [point[4] - point[2] for point in members],
                        "arrayminus": [point[2] - point[3] for point in members], "color": shade,
                    },
                    "marker": {"color": shade, "size": 9, "symbol": OUTCOME_SYMBOLS[outcome]},
                }
            )  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": "value ÷ bound"}},
        "yaxis": {"automargin": True, "type": "category", "autorange": "reversed"},
        "shapes": [{"type": "line", "x0": 1, "x1": 1, "yref": "paper", "y0": 0, "y1": 1, "line": {"dash": "dash"}}],
        "height": 190 + 34 * len(rows),
    }
    note = "1 is the bound. An “at least” check passes when its whole interval is to the right of 1, an “at most” one "
    note += "when it is to the left."
    columns = ["check", "verdict", "value ÷ bound", "low", "high", "unit", "n"]
    return Plot("margins", "Checks beside their bounds", note, traces, layout, columns, rows)


def plot_nodes(ratios: Mapping[str, Mapping[str, Sequence[float]]]) -> Plot | None:
    """Plot each node's rates relative to the other nodes, by quantity and host, a marker for each round."""
    rows = [
        [quantity, host, number, value]
        for quantity, by_host in ratios.items()
        for host, values in by_host.items()
        for number, value in enumerate(values)
    ]
    if not rows:
        return None
    traces: list[Plotly] = []
    for number, (quantity, by_host) in enumerate(ratios.items()):
        hosts = [host for host, values in by_host.items() for _ in values]
        traces.append(
            {
                "type": "box", "boxpoints": "all", "name": label(quantity), "x": [label(host) for host in hosts],
                "y": [value for values in by_host.values() for value in values], "marker": {"color": colour(number)},
                "line": {"color": colour(number)},
            }
        )  # fmt: skip
    layout = {
        "boxmode": "group",
        "xaxis": {"type": "category"},
        "yaxis": {"title": {"text": "× the other nodes"}, "rangemode": "tozero"},
    }
    note = "Each round's rate of a node ÷ the median of the other nodes' in that round; 1 is like the others."
    return Plot("nodes", "Nodes beside each other", note, traces, layout, ["quantity", "node", "round", "ratio"], rows)


def plot_pairs(
    hosts: Sequence[str], rates: Mapping[tuple[str, str], float], size: int, unit: str, key: str
) -> Plot | None:
    """Plot a map of nodes × nodes: the rate of messages of ``size`` bytes between each pair. One pair is no map: the
    table of the checks has its rate.
    """
    if len(rates) < 2:
        return None
    both = {**rates, **{(last, first): value for (first, last), value in rates.items()}}
    values = [[both.get((one, other)) for other in hosts] for one in hosts]
    names = [label(host) for host in hosts]
    trace = {
        "type": "heatmap", "z": values, "x": names, "y": names, "colorscale": "Cividis", "zmin": 0,
        "colorbar": {"title": {"text": unit}},
    }  # fmt: skip
    layout = {"xaxis": {"type": "category"}, "yaxis": {"type": "category", "autorange": "reversed"}}
    rows = [[first, last, value] for (first, last), value in rates.items()]
    note = "A row and column that are dark throughout are a slow node; a single dark field is a slow link."
    return Plot(f"pairs-{key}", f"Messages of {size} B between pairs of nodes", note, [trace], layout,
                ["node", "other", unit], rows)  # fmt: skip


def plot_messages(rows: Sequence[Sequence[float]], ranks: int) -> Plot | None:
    """Plot the bandwidth of an allreduce over all ranks by message size, from rows (bytes, µs, algbw, busbw
    in GB/s).
    """
    if not rows:
        return None
    sizes = [row[0] for row in rows]
    traces = [
        {"x": sizes, "y": [row[3] for row in rows], "mode": "lines+markers", "name": "bus bandwidth", **style(0)},
        {"x": sizes, "y": [row[2] for row in rows], "mode": "lines+markers", "name": "algorithm bandwidth", **style(1)},
    ]
    layout = {
        "xaxis": decade_axis("bytes", sizes),
        "yaxis": {"title": {"text": "GB/s"}, "rangemode": "tozero"},
    }
    note = f"Medians over the rounds, {ranks} ranks; bus bandwidth = bytes ÷ time · 2(n − 1) ÷ n, as nccl-tests has it."
    return Plot("messages", "Allreduce over all ranks", note, traces, layout,
                ["bytes", "microseconds", "algbw GB/s", "busbw GB/s"], [list(row) for row in rows])  # fmt: skip
