"""What the documents of ``compare`` and ``report --history`` are made of: ``comparison.schema.json`` as types."""

from __future__ import annotations

from typing import Literal, TypedDict

from orchestrator.report.entries.values import Interval
from orchestrator.store.entries import BaseChange, SeriesKey


class MetricVerdict(TypedDict):
    """One verdict, in numbers and words; ``since`` names the first set of an open change."""

    metric: str
    unit: str
    verdict: str
    text: str
    change: float | None
    interval: Interval | None
    p: float | None
    adjusted_p: float | None
    detectable: float | None
    needed: int | None
    median: float
    earlier_median: float | None
    n: int
    earlier_sets: int
    earlier_n: int
    since: str | None
    detectable_soon: float | None
    accepted: BaseChange | None


class SetPoint(TypedDict):
    """Throughput in one campaign or week, in the unit of its series: median of its n runs."""

    set: str
    throughput: float
    interval: Interval | None
    n: int


class ChangeEntry(TypedDict):
    """A change of a series' level: the set from which it holds, and its size as a fraction."""

    set: str
    index: int
    change: float


class Commits(TypedDict):
    """The code that the newest set ran, and that of those before."""

    newest: list[str]
    earlier: list[str]


class ProcessorChangeEntry(TypedDict):
    """From which set on a series ran on other processors or microcode."""

    set: str
    before: list[str]
    after: list[str]


class SeriesVerdict(SeriesKey):
    """One series, judged; ``id`` is the name by which its changes are accepted."""

    id: str
    metrics: list[MetricVerdict]
    points: list[SetPoint]
    change_points: list[ChangeEntry]
    commits: Commits
    processors: list[ProcessorChangeEntry]


class Rule(TypedDict):
    """How sure a verdict is: the probability of any false alarm, and the effects that are looked for, as fractions."""

    alpha: float
    minimum_effect: float
    sought_effect: float


class Verdicts(TypedDict):
    """The keys of both documents: the rule, the worst verdict, the series, and those that were not run again."""

    rule: Rule
    verdict: str
    series: list[SeriesVerdict]
    missing: list[SeriesKey]


class ComparisonDocument(Verdicts):
    """The newest of some campaigns against those before it."""

    schema: Literal["orchestrator.comparison/1"]
    base: list[str]
    target: str


class HistoryDocument(Verdicts):
    """A week against a window of weeks before it."""

    schema: Literal["orchestrator.history/1"]
    selected: dict[str, object]
    week: str | None
    window: int
    runs: int
