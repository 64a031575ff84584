"""Where the time went: parts of the step, and phases of the run, as stacked bars."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator.report.html.plots.figure import Plot, colour, distinct, label, name_of, plural

PARTS = {"compute": "compute", "data": "waiting for data", "communicate": "waiting for gradients"}
KEY = ("benchmark", "cluster", "mode", "scale", "comm", "recipe")
"""By what bars are told apart, beside the nodes."""


def bars(
    key: str, title: str, note: str, axis: Mapping[str, Any], names: Sequence[str], parts: Mapping[str, Sequence[float]]
) -> Plot:
    """Stacked horizontal bars, one a name, the first on top."""
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "y": [label(name) for name in names],
            "x": list(values),
            "name": label(part),
            "marker": {"color": colour(number)},
            "hovertemplate": f"%{{y}}<br>{label(part)}: %{{x{axis['hover']}}}<extra></extra>",
        }
        for number, (part, values) in enumerate(parts.items())
    ]
    layout = {
        "barmode": "stack",
        "bargap": 0.35,
        "xaxis": {"title": {"text": axis["title"]}, **axis.get("more", {})},
        "yaxis": {"automargin": True, "type": "category", "autorange": "reversed", "showgrid": False},
        "height": 190 + 34 * len(names),
    }
    rows = [[name, *(values[place] for values in parts.values())] for place, name in enumerate(names)]
    return Plot(key, title, note, traces, layout, ["what", *parts], rows)


def groups(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Repeats of the same, by what names them on an axis: what differs, and the nodes."""
    named = distinct(runs, KEY)
    found: dict[str, list[Mapping[str, Any]]] = {}
    for run in sorted(runs, key=lambda run: (*(str(run[name]) for name in KEY), run["nodes"])):
        words = [name_of(run, named), plural(run["nodes"], "node")]
        found.setdefault(", ".join(word for word in words if word), []).append(run)
    return found


def medians(
    found: Mapping[str, Sequence[Mapping[str, Any]]],
    names: Sequence[str],
    value: Callable[[Mapping[str, Any], str], float],
) -> dict[str, list[float]]:
    """By part, the median over each group's repeats."""
    return {
        name: [statistics.median(value(run, name) for run in members) for members in found.values()] for name in names
    }


def step_part(run: Mapping[str, Any], part: str) -> float:
    """Share of the ranks' step time."""
    total = sum(rank["total"] for rank in run["time_per_rank_s"])
    return float(sum(rank[part] for rank in run["time_per_rank_s"]) / total) if total else 0.0


def time_split(runs: Sequence[Mapping[str, Any]]) -> Plot | None:
    """Shares of the step time by scale, medians over repeats; None where nothing was measured."""
    found = groups([run for run in runs if run["time_per_rank_s"]])
    if not found:
        return None
    shares = medians(found, list(PARTS), step_part)
    axis = {"title": "share of the step time", "hover": ":.1%", "more": {"tickformat": ".0%", "range": [0, 1]}}
    note = (
        "Of all ranks' time in training steps, median over repeats. Waiting for gradients is the time that a rank "
        "waits after its own gradients are done: for the network, and for slower ranks."
    )
    named = {PARTS[part]: values for part, values in shares.items()}
    return bars("time", "Where the step time goes", note, axis, list(found), named)


def phases(runs: Sequence[Mapping[str, Any]]) -> Plot | None:
    """Seconds of each phase by scale, medians over repeats; None where nothing was measured."""
    found = groups([run for run in runs if run["phases_s"]])
    if not found:
        return None
    names = list(dict.fromkeys(phase for members in found.values() for run in members for phase in run["phases_s"]))
    seconds = medians(found, names, lambda run, name: float(run["phases_s"].get(name, 0.0)))
    note = (
        "From the start of the processes to the result; each phase as long as on its slowest rank, median over repeats."
    )
    return bars("phases", "Phases of a run", note, {"title": "seconds", "hover": ":.2f"}, list(found), seconds)
