"""Every series of a store over time, each judged by its own newest set: the data of the page over all campaigns.

Unlike history.judge_trends, which judges one week, this includes a machine that was last measured a month ago. Spreads
are the least and greatest repeat, since tens of thousands of bootstrap intervals would take too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from orchestrator.analysis.changepoints import ChangePoint, find_all_change_points
from orchestrator.analysis.history import (
    JUDGED_COLUMNS,
    CountedSets,
    Judged,
    ProcessorChange,
    count_sets,
    group_by_series,
    judge_family,
    processor_changes,
    series_key,
)
from orchestrator.analysis.tracking import WINDOW
from orchestrator.store.entries import BaseChange, HistoryRow, SeriesKey

COLUMNS = (*JUDGED_COLUMNS, "campaign")
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

    @property
    def middle(self) -> float:
        """The median of its sets' medians, in its unit."""
        return median(level.median for level in self.levels)


def set_column(rows: Sequence[HistoryRow]) -> SetColumn:
    """Return the column that divides runs into sets: "week", or "campaign" while there are few weeks."""
    return "week" if len({row["week"] for row in rows}) >= FEW_WEEKS else "campaign"


def judge_courses(
    rows: Sequence[HistoryRow], by: SetColumn, window: int = WINDOW, accepted: Sequence[BaseChange] = ()
) -> list[Course]:
    """Return all series of ``rows``, each judged at its newest set, all as one family.

    ``rows`` are runs, oldest first, with the keys COLUMNS and ``by``. ``window`` is the most sets of a base,
    ``accepted`` all changes that were accepted.
    """
    series = {
        key: count_sets(list(group_by_set(members, by).items())) for key, members in group_by_series(rows).items()
    }
    judged = judge_family(series, window, accepted)
    levels = {key: levels_of(course) for key, course in series.items()}
    changes = find_all_change_points([[level.median for level in found] for found in levels.values()])
    return [
        Course(series_key(key), course.unit, levels[key], found, judged[key], processor_changes(course.counted))
        for (key, course), found in zip(series.items(), changes, strict=True)
    ]


def group_by_set(rows: Sequence[HistoryRow], by: SetColumn) -> dict[str, list[HistoryRow]]:
    """Return the runs by week or campaign, oldest first."""
    sets: dict[str, list[HistoryRow]] = {}
    for row in rows:
        sets.setdefault(row[by], []).append(row)
    return sets


def levels_of(course: CountedSets) -> list[Level]:
    """Return a series' sets as levels."""
    return [
        Level(name, rows[0]["created"], median(values), min(values), max(values), len(values))
        for (name, rows), values in zip(course.counted, course.throughputs, strict=True) if values
    ]  # fmt: skip
