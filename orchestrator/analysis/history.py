"""Judges the newest set of runs (a campaign or a week) against earlier ones, and finds changes of level.

Rows are those of Store.history. A series holds runs that may be compared: the same benchmark on the same data set,
machine, scale and recipe. All series and metrics judged at once form one family (regression.compare_series). A change
stays open until it is gone or somebody accepted it (Store.base_changes); what was accepted is the new base.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from operator import itemgetter
from statistics import median
from typing import Any, Literal, cast

from orchestrator.analysis import regression
from orchestrator.analysis.changepoints import ChangePoint, find_all_change_points
from orchestrator.analysis.epochs import common_epochs
from orchestrator.analysis.intervals import Summary, summaries
from orchestrator.analysis.regression import Comparison
from orchestrator.analysis.tracking import WINDOW
from orchestrator.records import unit_of
from orchestrator.store.entries import KEY, BaseChange, HistoryRow, SeriesKey

JUDGED_COLUMNS = (
    "key", "created", "throughput_unit", "throughput", "throughput_warm", "time_to_accuracy_s", "processors",
)  # fmt: skip
"""Columns of a run that its series is judged by."""
TREND_COLUMNS = (*JUDGED_COLUMNS, "git_commit")
"""Columns of a run that judge_trends reads."""

Key = tuple[Any, ...]
"""The values of a series' KEY."""


@dataclass(frozen=True)
class Metric:
    """A quantity that is judged: its unit, and whether a higher value is faster."""

    name: str
    unit: str
    higher_is_faster: bool


def metrics_of(unit: str) -> tuple[Metric, Metric]:
    """Return what is judged of a series: throughput in its unit, and time to accuracy."""
    return Metric("throughput", unit, True), Metric("time_to_accuracy", "s", False)


OPEN = ("slower", "drifting", "faster")
"""Verdicts that stay open until the change is gone or accepted."""
ACKNOWLEDGED = "acknowledged"
"""The verdict on a series that is as fast as since a slow-down that was accepted."""
GRAVEST_FIRST = ("slower", "drifting", "faster", "too noisy", "not enough runs", ACKNOWLEDGED, "no change")


@dataclass(frozen=True)
class Judged:
    """The judgement of one metric of a series. The medians of the newest set and of the base are in the metric's unit.

    ``since`` names the first set of an open change, ``begun`` is when its first run was planned. ``accepted`` is the
    last accepted change of base. ``new``: the newest set is the first at its level.
    """

    metric: Metric
    comparison: Comparison
    median: float
    earlier_median: float | None
    since: str | None = None
    begun: float | None = None
    accepted: BaseChange | None = None
    new: bool = False

    @property
    def verdict(self) -> str:
        """The verdict in one of GRAVEST_FIRST."""
        known = self.comparison.verdict
        slowed = self.accepted is not None and (self.accepted["change"] or 0.0) < 0
        return ACKNOWLEDGED if slowed and known == "no change" else known

    @property
    def text(self) -> str:
        """The verdict for people: "slower by 7 % [5, 9] since 2026-W07, open"."""
        text = str(self.comparison)
        if self.verdict == ACKNOWLEDGED:
            text = f"{ACKNOWLEDGED}, {text}"
        if self.since is not None and not self.new:
            end = "offered as the new base" if self.comparison.verdict == "faster" else "open"
            text += f" since {self.since}, {end}"
        return text

    def __str__(self) -> str:
        """The same, and what was accepted before."""
        return self.text if self.accepted is None else f"{self.text} ({acceptance_text(self.accepted)})"


def acceptance_text(accepted: BaseChange) -> str:
    """Return "6 % faster since 2026-05-24, accepted by ann: new driver"."""
    change, date = accepted["change"], datetime.fromtimestamp(accepted["since"], timezone.utc).date()
    size = "" if change is None else f"{100 * abs(change):.0f} % {'slower' if change < 0 else 'faster'} "
    return f"{size}since {date}, accepted by {accepted['accepted_by']}: {accepted['why']}"


@dataclass(frozen=True)
class Point:
    """One set of a series: its name, and its throughput with an interval, in the series' unit."""

    name: str
    throughput: Summary


@dataclass(frozen=True)
class ProcessorChange:
    """From the set of that name on, a series ran on other processors or other microcode than in the set before."""

    name: str
    before: list[str]
    after: list[str]

    def __str__(self) -> str:
        """ "AMD EPYC 7763 (microcode 0xa0011ce) became AMD EPYC 7763 (microcode 0xa0011d1)"."""
        return f"{', '.join(self.before)} became {', '.join(self.after)}"


@dataclass(frozen=True)
class Trend:
    """A series: its judgements, its sets oldest first, and the changes of its throughput's level.

    ``commits`` are those of the code behind the newest set, ``earlier_commits`` of that behind the others;
    ``processors`` says from which set on it ran on others.
    """

    key: SeriesKey
    newest: str
    judged: list[Judged]
    points: list[Point]
    changes: list[ChangePoint]
    commits: list[str]
    earlier_commits: list[str]
    processors: list[ProcessorChange]


read_key, SCALE = itemgetter(*KEY), KEY.index("scale")


def key_of_run(row: HistoryRow) -> Key:
    """Return the key of a run's series. A single run has the scale "weak", since both keep the batch per rank."""
    key: Key = row["key"] if "key" in row else read_key(row)
    return (*key[:SCALE], "weak", *key[SCALE + 1 :]) if key[SCALE] == "single" else key


def series_key(key: Key) -> SeriesKey:
    """Return the values by their names."""
    return cast(SeriesKey, dict(zip(KEY, key, strict=True)))


def sort_key(key: Key) -> list[tuple[bool, Any]]:
    """Return a key that sorts series by their names, then by their scales. Runs come in random order."""
    return [(value is None, 0 if value is None else value) for value in key]


def series_id(key: Key) -> str:
    """Return the short name by which a series is accepted, the same in every store."""
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:8]


def judge_trends(
    sets: Sequence[tuple[str, Sequence[HistoryRow]]], window: int = WINDOW, accepted: Sequence[BaseChange] = ()
) -> tuple[list[Trend], list[Key]]:
    """Judge the newest of the named sets, which are oldest first, against the earlier ones.

    Returns the series of the newest set, and the keys of series that the set before it had and the newest lacks.
    ``window`` is the most sets of a base, ``accepted`` all changes that were accepted.
    """
    if not sets:
        return [], []
    divided = [(name, group_by_series(rows)) for name, rows in sets]
    newest_name, newest = divided[-1]
    keys = sorted(newest, key=sort_key)
    gone = [key for key in (divided[-2][1] if len(divided) > 1 else {}) if key not in newest]
    courses = {key: count_sets([(name, found.get(key, [])) for name, found in divided]) for key in keys}
    return build_trends(newest_name, judge_family(courses, window, accepted), courses), gone


NamedSets = Sequence[tuple[str, Sequence[HistoryRow]]]
"""Sets of a series by name, oldest first; one that was not measured has no rows."""


@dataclass(frozen=True)
class CountedSets:
    """The sets of a series and what was measured in them, in ``unit``, that of the newest run's throughput.

    ``counted`` are the sets without runs in another unit, and ``throughputs`` theirs: of the warm epochs where every
    run has them, since such a rate is not to be compared with that of whole runs. ``times`` to accuracy, s, are of all
    runs that reached it.
    """

    unit: str
    sets: NamedSets
    counted: NamedSets
    throughputs: list[list[float]]
    times: list[list[float]]

    def values_of(self, metric: Metric) -> list[list[float]]:
        """Return the values of one of metrics_of, by set."""
        return self.throughputs if metric.name == "throughput" else self.times


def count_sets(sets: NamedSets) -> CountedSets:
    """Return what was measured in the sets of a series, the newest of which has runs; all of them were timed."""
    units = {unit_of(row) for _, rows in sets for row in rows}
    unit = unit_of(sets[-1][1][-1])
    counted = sets
    if len(units) > 1:
        counted = [(name, [row for row in rows if unit_of(row) == unit]) for name, rows in sets]
    epochs = common_epochs(row["throughput_warm"] for _, rows in counted for row in rows if row["throughput"])
    rate: Literal["throughput_warm", "throughput"] = "throughput_warm" if epochs == "warm" else "throughput"
    throughputs = [[value for row in rows if (value := row[rate])] for _, rows in counted]
    times = [[seconds for row in rows if (seconds := row["time_to_accuracy_s"])] for _, rows in sets]
    return CountedSets(unit, sets, counted, throughputs, times)


def judge_family(
    courses: Mapping[Key, CountedSets], window: int = WINDOW, accepted: Iterable[BaseChange] = ()
) -> dict[Key, list[Judged]]:
    """Return the judgements of the newest set of each series, all as one family."""
    changes: dict[tuple[str, str], BaseChange] = {(item["series"], item["metric"]): item for item in accepted}
    family: list[regression.Series] = []
    places: list[tuple[Key, Metric, BaseChange | None]] = []
    for key, course in courses.items():
        for metric in metrics_of(course.unit):
            values = course.values_of(metric)
            change = changes.get((series_id(key), metric.name)) if changes else None
            if values[-1]:
                begins = first_set_since(course.sets, change["since"]) if change else 0
                family.append(regression.Series(values[-1], values[:-1], metric.higher_is_faster, begins=begins))
                places.append((key, metric, change))
    judged: dict[Key, list[Judged]] = {key: [] for key in courses}
    compared = zip(places, family, regression.compare_series(family, window), strict=True)
    for (key, metric, change), series, comparison in compared:
        since, begun = None, None
        if comparison.since is not None:
            since, rows = courses[key].sets[comparison.since]
            begun = min(row["created"] for row in rows)
        new = comparison.since == len(series.earlier)
        old = base_median(series, comparison)
        judged[key].append(Judged(metric, comparison, median(series.current), old, since, begun, change, new))
    return judged


def first_set_since(sets: NamedSets, moment: float) -> int:
    """Return the place of the first set of which a run was planned at the moment or later."""
    places = (place for place, (_, rows) in enumerate(sets) if any(row["created"] >= moment for row in rows))
    return next(places, 0)


def base_median(series: regression.Series, comparison: Comparison) -> float | None:
    """Return the median of the repeats that a series was compared with."""
    before = [values for values in series.earlier[series.begins : comparison.since] if len(values)]
    values = [value for found in before[-max(1, comparison.earlier_sets) :] for value in found]
    return median(values) if values else None


def group_by_series(rows: Sequence[HistoryRow]) -> dict[Key, list[HistoryRow]]:
    """Return the runs that were timed, by series, in order of appearance."""
    found: dict[Key, list[HistoryRow]] = {}
    for row in rows:
        if row["throughput"]:
            found.setdefault(key_of_run(row), []).append(row)
    return found


def build_trends(newest: str, judged: Mapping[Key, list[Judged]], courses: Mapping[Key, CountedSets]) -> list[Trend]:
    """Return the series that were judged with their points and changes of level. Intervals and changes are those of
    all series at once, which is much faster.
    """
    told = {key: course for key, course in courses.items() if judged[key]}
    every = iter(summaries([values for course in told.values() for values in course.throughputs if values]))
    points = {
        key: [
            Point(name, next(every))
            for (name, _), values in zip(course.counted, course.throughputs, strict=True)
            if values
        ]
        for key, course in told.items()
    }
    changes = find_all_change_points([[point.throughput.median for point in found] for found in points.values()])
    trends = []
    for (key, course), found in zip(told.items(), changes, strict=True):
        newer = commits_of([row for name, rows in course.counted if name == newest for row in rows])
        older = commits_of([row for name, rows in course.counted if name != newest for row in rows])
        others = processor_changes(course.counted)
        trends.append(Trend(series_key(key), newest, judged[key], points[key], found, newer, older, others))
    return trends


def processor_changes(sets: Sequence[tuple[str, Sequence[HistoryRow]]]) -> list[ProcessorChange]:
    """Return where the processors of a series' sets, oldest first, changed. Runs that do not say are passed over."""
    changes = []
    before: list[str] = []
    for name, rows in sets:
        after = sorted({found for row in rows if (found := row.get("processors"))})
        if before and after and set(after) != set(before):
            changes.append(ProcessorChange(name, before, after))
        before = after or before
    return changes


def commits_of(rows: Sequence[HistoryRow]) -> list[str]:
    """Return the commits of the runs' code, each once, in order."""
    return list(dict.fromkeys(str(row["git_commit"])[:12] for row in rows if row["git_commit"]))
