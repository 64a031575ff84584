"""Every series of a store over time, each judged by its own newest set: the data of the page over all campaigns.

Unlike history.judge_trends, which judges one week, this includes a machine that was last measured a month ago. Spreads
are the least and greatest repeat, since tens of thousands of bootstrap intervals would take too long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from orchestrator.analysis.changepoints import ChangePoint, find_change_points
from orchestrator.analysis.history import (
    KEY,
    Judged,
    ProcessorChange,
    SeriesKey,
    counted_in,
    group_by_series,
    judge_family,
    processor_changes,
    series_key,
    throughputs_of,
)
from orchestrator.analysis.tracking import WINDOW
from orchestrator.records import unit_of
from orchestrator.store.entries import BaseChange, HistoryRow

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
        key: group_by_set(counted_in(unit_of(members[-1]), members), by)
        for key, members in group_by_series(rows).items()
    }
    judged = judge_family({key: list(sets.items()) for key, sets in series.items()}, window, accepted)
    return [build_course(series_key(key), sets, judged[key]) for key, sets in series.items()]


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
