"""Throughput over the weeks, relative to each series' median, with the changes of its level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.analysis.courses import Course
from orchestrator.report.html.plots.figure import (
    Plot,
    Plotly,
    axes,
    colour,
    count_text,
    distinguishing_keys,
    label,
    name_of,
    round_digits,
    style,
)
from orchestrator.report.tables.units import RateColumn
from orchestrator.store.entries import columns_of

LINE = ("method", "mode", "scale", "comm", "recipe", "dataset_name", "dataset_source", "dataset_split",
        "dataset_version", "dataset_checksum")  # fmt: skip
DAY_MS = 86_400_000
CROWD = 4
"""With more lines in a plot, spreads are in the table only, and lines whose level never changed are faint."""
COLUMNS = ["benchmark", "method", "cluster", "nodes", "comm", "recipe", "mode", "scale", "dataset_name",
           "dataset_source"]  # fmt: skip


def place_of(course: Course) -> tuple[str, str]:
    """Return benchmark and cluster, which share a plot."""
    return str(course.key["benchmark"]), str(course.key["cluster"])


def plot_history(courses: Sequence[Course], by: str) -> list[Plot]:
    """Plot the series over time, one plot for each (benchmark, cluster). Data of two sources never share a line."""
    groups: dict[tuple[str, str], list[Course]] = {}
    for course in courses:
        groups.setdefault(place_of(course), []).append(course)
    return [
        plot_courses(f"history-{number}", f"{benchmark} on {cluster}", members, by)
        for number, ((benchmark, cluster), members) in enumerate(groups.items())
    ]


def plot_courses(key: str, title: str, members: Sequence[Course], by: str) -> Plot:
    """Plot all series of a benchmark on a cluster."""
    rate = RateColumn.of(course.unit for course in members)
    named = distinguishing_keys([course.key for course in members], LINE)
    ordered = sorted(members, key=lambda course: (int(course.key["nodes"]), name_of(course.key, named)))
    traces: list[Plotly] = []
    rows: list[list[Any]] = []
    for number, course in enumerate(ordered):
        words = (count_text(course.key["nodes"], "node"), name_of(course.key, named))
        name = label(", ".join(word for word in words if word))
        traces += course_traces(course, number, name, crowded=len(ordered) > CROWD)
        jumps = {change.index: change.change for change in course.changes}
        own = columns_of(course.key, COLUMNS)
        rows += [
            [*own, level.name, int(level.created), *rate.values(round_digits(level.median), course.unit),
             round_digits(level.least), round_digits(level.greatest), level.n, round_digits(jumps.get(place), 3)]
            for place, level in enumerate(course.levels)
        ]  # fmt: skip
    layout = axes("", "of the series' own median")
    layout["xaxis"] |= {"type": "date"}
    moments = [float(moment) for trace in traces for moment in trace["x"]]
    if max(moments) - min(moments) < DAY_MS:
        # One set of runs would be shown among ticks of microseconds.
        layout["xaxis"] |= {"range": [min(moments) - DAY_MS, max(moments) + DAY_MS], "tickformat": "%Y-%m-%d"}
    # As many digits as the ticks need, and no more.
    layout["yaxis"] |= {"tickformat": ".2~%"}
    note = (
        f"Median throughput by {by}, of warm epochs where every run of a series has some, with the repeats' least and "
        "greatest; a ring is where the level changed."
    )
    columns = [*COLUMNS, by, "planned_at", *rate.names, "least", "greatest", "n", "change"]
    return Plot(key, title, note, traces, layout, columns, rows)


def course_traces(course: Course, number: int, name: str, crowded: bool) -> list[Plotly]:
    """Return the line of a series, and rings at the changes of its level."""
    middle = course.middle
    # Whole hours and a ten thousandth are enough, and keep the page small.
    times = [3600000 * int(level.created // 3600) for level in course.levels]
    values = [round(level.median / middle, 4) for level in course.levels]
    look = style(number, 3 if crowded else 5)
    spread = {
        "type": "data",
        "array": [round((level.greatest - level.median) / middle, 4) for level in course.levels],
        "arrayminus": [round((level.median - level.least) / middle, 4) for level in course.levels],
        "thickness": 1,
        "width": 0,
    }
    traces: list[Plotly] = [
        {
            "x": times,
            "y": values,
            **({} if crowded else {"error_y": spread}),
            "opacity": 0.4 if crowded and not course.changes else 1.0,
            "customdata": [round_digits(level.median, 4) for level in course.levels],
            "mode": "lines+markers",
            "name": name,
            "legendgroup": name,
            "hovertemplate": f"%{{x|%Y-%m-%d}}: %{{customdata}} {course.unit}, %{{y:.1%}}",
            **look,
            "line": {**look["line"], "width": 1},
        }
    ]
    if course.changes:
        places = [change.index for change in course.changes]
        traces.append(
            {
                "x": [times[place] for place in places],
                "y": [values[place] for place in places],
                "text": [change_text(change.change, course.levels[change.index].name) for change in course.changes],
                "mode": "markers",
                "name": f"{name}: change of level",
                "legendgroup": name,
                "showlegend": False,
                "marker": {"color": colour(number), "symbol": "circle-open", "size": 14, "line": {"width": 2}},
                "hovertemplate": "%{text}",
            }
        )
    return traces


def change_text(change: float, since: str) -> str:
    """Return a change of level for people."""
    return f"{100 * abs(change):.0f} % {'slower' if change < 0 else 'faster'} since {label(since)}"
