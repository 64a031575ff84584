"""The page over all campaigns of a store: verdicts on the newest sets, and the course of every series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.analysis.courses import Course, judge_courses, set_column
from orchestrator.analysis.history import GRAVEST_FIRST, Judged, acceptance_text
from orchestrator.report.html.folder import Folder, time_text
from orchestrator.report.html.plots.figure import count_text
from orchestrator.report.html.plots.history import change_text, place_of, plot_history
from orchestrator.report.tables.text import short
from orchestrator.report.tables.units import RateColumn
from orchestrator.store.entries import BaseChange, HistoryRow, columns_of

CLASSES = {"slower": "bad", "drifting": "bad", "faster": "good", "too noisy": "warn", "not enough runs": "warn"}
SPARK = (120, 24)
"""Width and height of a series' course in the table, CSS pixels."""
SETUP = ("dataset_name", "method", "recipe", "comm", "mode", "scale", "dataset_source")
"""What a row of the table says of its series beside benchmark, cluster and nodes."""


@dataclass(frozen=True)
class SeriesLine:
    """A series as a line of the table: texts, but for what it is sorted by. ``style`` is the class of its verdict,
    ``spark`` the points of its course, ``plot`` the key of the plot that has it.
    """

    benchmark: str
    cluster: str
    nodes: int
    name: str
    setup: str
    newest: str
    now: str
    before: str
    verdict: str
    style: str
    text: str
    accepted: str
    changed: str
    level_changed: bool
    spark: str
    plot: str


def write_history(rows: Sequence[HistoryRow], output: Path, accepted: Sequence[BaseChange] = ()) -> Path:
    """Write the page as index.html; return its path. ``rows`` are those of Store.history with courses.COLUMNS,
    ``accepted`` all changes of base that were accepted. Raises UsageError.
    """
    by = set_column(rows)
    found = sorted(
        judge_courses(rows, by, accepted=accepted), key=lambda course: (place_of(course), int(course.key["nodes"]))
    )
    plots = plot_history(found, by)
    where = dict(zip(dict.fromkeys(place_of(course) for course in found), plots, strict=True))
    rate = RateColumn.of(course.unit for course in found)
    entries = [table_entry(course, where[place_of(course)].key, rate) for course in found]
    entries.sort(key=lambda item: GRAVEST_FIRST.index(item.verdict))
    folder = Folder(output)
    page = folder.page(
        "index", "history.html", plots,
        title="History",
        facts=fact_texts(rows, by),
        answer=answer_text(entries),
        contents=[],
        entries=entries,
        by=by,
        rate=rate.heading,
        places={plot.key: place for place, plot in where.items()},
        choices={
            "benchmark": sorted({item.benchmark for item in entries}),
            "cluster": sorted({item.cluster for item in entries}),
            "verdict": [verdict for verdict in GRAVEST_FIRST if any(item.verdict == verdict for item in entries)],
        },
    )  # fmt: skip
    folder.finish()
    return page


def fact_texts(rows: Sequence[HistoryRow], by: str) -> list[str]:
    """Return the number of runs and campaigns, and the period."""
    if not rows:
        return []
    campaigns = len({row["campaign"] for row in rows})
    return [
        f"{count_text(len(rows), 'completed run')} in {count_text(campaigns, 'campaign')}",
        f"{time_text(rows[0]['created'])} to {time_text(rows[-1]['created'])}",
        f"by {by}",
    ]


def answer_text(entries: Sequence[SeriesLine]) -> str:
    """Return the verdicts in one or two sentences."""
    if not entries:
        return "No run has completed yet."
    counts = {verdict: sum(item.verdict == verdict for item in entries) for verdict in GRAVEST_FIRST}
    slower = [f"{item.name} ({item.text})" for item in entries if item.verdict in ("slower", "drifting")]
    series = count_text(len(entries), "series").replace("seriess", "series")
    text = f"{len(slower) or 'None'} of {series} {'is' if len(slower) <= 1 else 'are'} slower than before"
    text += f": {'; '.join(slower[:3])}{' …' if len(slower) > 3 else ''}." if slower else "."
    rest = [f"{counts[verdict]} {verdict}" for verdict in GRAVEST_FIRST[2:] if counts[verdict]]
    text += f" The others: {', '.join(rest)}." if rest else ""
    unsure = [f"{item.name} ({item.text})" for item in entries if item.verdict in ("too noisy", "not enough runs")]
    text += f" Not known: {'; '.join(unsure[:2])}{' …' if len(unsure) > 2 else ''}." if unsure else ""
    changed = sum(item.level_changed for item in entries)
    return f"{text} At some time the level of {changed} changed." if changed else text


def table_entry(course: Course, plot: str, rate: RateColumn) -> SeriesLine:
    """Return a row of the table."""
    key = course.key
    verdicts = [item.verdict for item in course.judged]
    verdict = next((name for name in GRAVEST_FIRST if name in verdicts), "not enough runs")
    first = course.judged[0] if course.judged else None
    return SeriesLine(
        benchmark=key["benchmark"],
        cluster=key["cluster"],
        nodes=key["nodes"],
        name=f"{key['benchmark']} on {key['cluster']}, {count_text(key['nodes'], 'node')}",
        setup=", ".join(map(str, columns_of(key, SETUP))),
        newest=course.levels[-1].name,
        now=rate.cell(short(first.median) if first else "–", course.unit),
        before=rate.cell(short(first.earlier_median) if first else "–", course.unit),
        verdict=verdict,
        style=CLASSES.get(verdict, ""),
        text=verdict_text(course.judged),
        accepted=accepted_text(course.judged),
        changed=changed_text(course),
        level_changed=bool(course.changes),
        spark=polyline_points([level.median for level in course.levels]),
        plot=plot,
    )


def changed_text(course: Course) -> str:
    """Return the last change of a series' level, and from when on it ran on other processors; "–" without either."""
    words = []
    if course.changes:
        words.append(change_text(course.changes[-1].change, course.levels[course.changes[-1].index].name))
    words += [f"{change.name}: {change}" for change in course.processors[-1:]]
    return "; ".join(words) or "–"


def verdict_text(judged: Sequence[Judged]) -> str:
    """Return the verdict that throughput and time to accuracy share, or each with its name."""
    words = list(dict.fromkeys(item.text for item in judged))
    if len(words) < 2:
        return "".join(words)
    return "; ".join(f"{item.metric.name.replace('_', ' ')}: {item.text}" for item in judged)


def accepted_text(judged: Sequence[Judged]) -> str:
    """Return the last accepted change of a series; "–" without one."""
    return "; ".join(dict.fromkeys(acceptance_text(item.accepted) for item in judged if item.accepted)) or "–"


def polyline_points(values: Sequence[float]) -> str:
    """Return the points of an SVG polyline through the values."""
    low, high = min(values), max(values)
    width, height = SPARK
    across = (width - 4) / max(1, len(values) - 1)
    span = (high - low) or 1.0
    points = (
        f"{2 + across * place:.0f},{height - 3 - (height - 6) * (value - low) / span:.0f}"
        for place, value in enumerate(values)
    )
    return " ".join(points)
