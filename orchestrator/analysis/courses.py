"""Every series of a store over time, each judged by its own newest set: the data of the page over all campaigns.

Unlike history.judge_trends, which judges one week, this includes a machine that was last measured a month ago. Spreads
are the least and greatest repeat, since tens of thousands of bootstrap intervals would take too long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from orchestrator.analysis import regression
from orchestrator.analysis.changepoints import ChangePoint, find_change_points
from orchestrator.analysis.history import (
    KEY,
    Judged,
    Key,
    ProcessorChange,
    SeriesKey,
    counted_in,
    group_by_series,
    metric_values,
    metrics_of,
    processor_changes,
    series_key,
    throughputs_of,
)
from orchestrator.analysis.regression import WINDOW
from orchestrator.records import unit_of
from orchestrator.store.entries import HistoryRow

COLUMNS = (
    *KEY,
    "campaign",
    "created",
    "throughput_unit",
    "throughput",
    "throughput_warm",
    "time_to_accuracy_s",
    "processors",
)
"""Columns of a run that are needed here."""
SetColumn = Literal["week", "campaign"]
"""What divides the runs of a series into sets."""
FEW_WEEKS = 4
"""With fewer weeks a set is a campaign instead, so that the page of a young store shows something."""


@dataclass(frozen=True)
class Level:
    """One set of a series. ``created`` is the planning of its first run, seconds since the epoch; ``median``, ``least``
    and ``greatest`` are throughputs of its ``n`` runs, in the series' unit.
    """

    name: str
    created: float
    median: float
    least: float
    greatest: float
    n: int


@dataclass(frozen=True)
class Course:
    """A series: its sets oldest first, the changes of its level, and the judgements of the newest set.

    ``unit`` is that of its newest throughputs.
    """

    key: SeriesKey
    unit: str
    levels: list[Level]
    changes: list[ChangePoint]
    judged: list[Judged]
    processors: list[ProcessorChange]


def set_column(rows: Sequence[HistoryRow]) -> SetColumn:
    """Return the column that divides runs into sets: "week", or "campaign" while there are few weeks."""
    return "week" if len({row["week"] for row in rows}) >= FEW_WEEKS else "campaign"


def judge_courses(rows: Sequence[HistoryRow], by: SetColumn, window: int = WINDOW) -> list[Course]:
    """Return all series of ``rows``, each judged against up to ``window`` earlier sets, all as one family.

    ``rows`` are runs, oldest first, with the keys COLUMNS and ``by``.
    """
    series = {
        key: group_by_set(counted_in(unit_of(members[-1]), members), by)
        for key, members in group_by_series(rows).items()
    }
    family: list[regression.Series] = []
    places = []
    for key, sets in series.items():
        *earlier, newest = list(sets.values())[-window - 1 :]
        warm = all(row["throughput_warm"] for members in (*earlier, newest) for row in members)
        for metric in metrics_of(newest):
            current = metric_values(metric, newest, warm)
            before = [found for members in earlier if (found := metric_values(metric, members, warm))]
            if current:
                family.append(regression.Series(current, before, metric.higher_is_faster))
                old = median(value for values in before for value in values) if before else None
                places.append((key, metric, median(current), old))
    judged: dict[Key, list[Judged]] = {}
    for (key, metric, value, old), comparison in zip(places, regression.compare_series(family), strict=True):
        judged.setdefault(key, []).append(Judged(metric, comparison, value, old))
    return [build_course(series_key(key), sets, judged.get(key, [])) for key, sets in series.items()]


def group_by_set(rows: Sequence[HistoryRow], by: SetColumn) -> dict[str, list[HistoryRow]]:
    """Return the runs by week or campaign, oldest first."""
    sets: dict[str, list[HistoryRow]] = {}
    for row in rows:
        sets.setdefault(row[by], []).append(row)
    return sets


def build_course(key: SeriesKey, sets: Mapping[str, Sequence[HistoryRow]], judged: list[Judged]) -> Course:
    """Return one series with its sets and changes of level."""
    warm = all(row["throughput_warm"] for members in sets.values() for row in members)
    levels = []
    for name, members in sets.items():
        values = throughputs_of(members, warm)
        levels.append(Level(name, members[0]["created"], median(values), min(values), max(values), len(values)))
    newest = list(sets.values())[-1]
    changes = find_change_points([level.median for level in levels])
    return Course(key, unit_of(newest[-1]), levels, changes, judged, processor_changes(list(sets.items())))
