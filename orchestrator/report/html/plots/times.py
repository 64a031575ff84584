"""The parts of a run's time, the losses of scaling by part, and the phases, as stacked bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.analysis.losses import median_phases
from orchestrator.report.entries.runs import RunEntry
from orchestrator.report.entries.series import ScaleEntry, ScalingEntry
from orchestrator.report.entries.values import values_of
from orchestrator.report.html.plots.figure import Plot, Plotly, count_text, distinguishing_keys, fill, label, name_of

PARTS = {
    "compute": "compute",
    "data": "waiting for data",
    "straggling": "waiting for slower ranks",
    "communication": "communication",
    "evaluation": "evaluation",
    "other": "other",
}
SERIES = ("benchmark", "cluster", "dataset", "method", "run_mode", "mode", "comm", "recipe")
RUN = ("benchmark", "method", "cluster", "mode", "scale", "comm", "recipe")
SPLIT_NOTE = (
    "Means over the ranks. What a rank waits for gradients is divided into waiting for ranks that were slower with "
    "their own work, and communication."
)


@dataclass(frozen=True)
class BarAxis:
    """The axis of bars: title, format of a value under the pointer, and further settings of Plotly."""

    title: str
    hover: str
    more: Plotly = field(default_factory=dict)


def plot_bars(
    key: str, title: str, note: str, axis: BarAxis, names: Sequence[str], parts: Mapping[str, Sequence[float]]
) -> Plot:
    """Plot stacked horizontal bars, one for each name, the first on top."""
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "y": [label(name) for name in names],
            "x": list(values),
            "name": label(part),
            "marker": fill(number),
            "hovertemplate": f"%{{y}}<br>{label(part)}: %{{x{axis.hover}}}<extra></extra>",
        }
        for number, (part, values) in enumerate(parts.items())
    ]
    layout = {
        "barmode": "relative",
        "bargap": 0.35,
        "xaxis": {"title": {"text": axis.title}, **axis.more},
        "yaxis": {"automargin": True, "type": "category", "autorange": "reversed", "showgrid": False},
        "height": 190 + 38 * len(names),
    }
    rows = [[name, *(values[place] for values in parts.values())] for place, name in enumerate(names)]
    return Plot(key, title, note, traces, layout, ["what", *parts], rows)


def scale_names(entries: Sequence[ScaleEntry] | Sequence[ScalingEntry]) -> list[str]:
    """Return the axis texts of scales: the differing keys, and the nodes."""
    named = distinguishing_keys(entries, SERIES)
    names = []
    for entry in entries:
        swept = ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in entry["settings"].items())
        words = (name_of(entry, named), swept, count_text(entry["nodes"], "node"))
        names.append(", ".join(word for word in words if word))
    return names


def plot_time_split(scales: Sequence[ScaleEntry]) -> Plot | None:
    """Plot shares of the time by scale; None if nothing was measured."""
    found = [entry for entry in scales if entry["shares"]]
    shares = [entry["shares"] for entry in scales if entry["shares"]]
    if not found:
        return None
    parts = {words: [share[part] for share in shares] for part, words in PARTS.items()}
    axis = BarAxis("share of the time", ":.1%", {"tickformat": ".0%", "range": [0, 1]})
    return plot_bars("time", "Where the time goes", SPLIT_NOTE, axis, scale_names(found), parts)


def plot_lost_time(scaling: Sequence[ScalingEntry]) -> Plot | None:
    """Plot how much more a sample costs than at the base, by scale and part; None if nothing was scaled."""
    found = [entry for entry in scaling if entry["lost"]]
    if not found:
        return None
    lost = [entry["lost"] for entry in scaling if entry["lost"]]
    parts = {words: [item[part] for item in lost] for part, words in PARTS.items() if part in lost[0]}
    axis = BarAxis("extra time per sample", ":+.1%", {"tickformat": "+.0%"})
    note = (
        "By how much longer a sample takes a rank than it does at the smallest scale, and in what: the parts add up to "
        "1 ÷ efficiency − 1. What became quicker is left of zero."
    )
    return plot_bars("lost", "Why it stops scaling", note, axis, scale_names(found), parts)


def plot_run_split(run: RunEntry) -> Plot | None:
    """Plot the seconds of one run by part; None if nothing was measured."""
    if run["split_s"] is None:
        return None
    parts = {words: values_of(run["split_s"], [part]) for part, words in PARTS.items()}
    axis = BarAxis("seconds", ":.2f")
    return plot_bars("time", "Where the time goes", SPLIT_NOTE, axis, [""], parts)


def plot_phases(runs: Sequence[RunEntry]) -> Plot | None:
    """Plot the seconds of each phase by scale, medians over repeats; None if nothing was measured."""
    measured = [run for run in runs if run["phases_s"]]
    if not measured:
        return None
    named = distinguishing_keys(measured, RUN)
    groups: dict[str, list[RunEntry]] = {}
    for run in sorted(measured, key=lambda run: (*map(str, values_of(run, RUN)), run["nodes"])):
        words = (name_of(run, named), count_text(run["nodes"], "node"))
        groups.setdefault(", ".join(word for word in words if word), []).append(run)
    names = dict.fromkeys(phase for run in measured for phase in run["phases_s"])
    medians = [median_phases([run["phases_s"] for run in members]) for members in groups.values()]
    seconds = {name: [found.get(name, 0.0) for found in medians] for name in names}
    note = "From the start of the processes on; each phase as long as on its slowest rank, median over repeats."
    axis = BarAxis("seconds", ":.2f")
    return plot_bars("phases", "Phases of a run", note, axis, list(groups), seconds)
