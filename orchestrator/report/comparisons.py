"""The documents of ``compare`` and ``report --history``: verdicts, and the series behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from orchestrator.analysis.history import GRAVEST_FIRST, Judged, Key, Trend, judge_trends, series_id, series_key
from orchestrator.analysis.regression import MINIMUM_EFFECT, SOUGHT_EFFECT
from orchestrator.analysis.tracking import ALPHA
from orchestrator.report.entries.comparison import (
    ComparisonDocument,
    HistoryDocument,
    MetricVerdict,
    SeriesVerdict,
    Verdicts,
)
from orchestrator.store.entries import KEY, BaseChange, HistoryRow, columns_of

COMPARISON_SCHEMA: Final = "orchestrator.comparison/1"
HISTORY_SCHEMA: Final = "orchestrator.history/1"
SCHEMA_FILE = Path(__file__).with_name("comparison.schema.json")


def comparison_document(sets: Sequence[tuple[str, Sequence[HistoryRow]]]) -> ComparisonDocument:
    """Return the comparison of the newest campaign with the earlier ones; rows are those of Store.history.

    The newest is the one that was planned last, in whatever order they were named. A campaign without rows comes first.
    """
    ordered = sorted(sets, key=lambda item: max((row["created"] for row in item[1]), default=0.0))
    found, gone = judge_trends(ordered)
    return {
        "schema": COMPARISON_SCHEMA,
        "base": [name for name, _ in ordered[:-1]],
        "target": ordered[-1][0],
        **verdict_entries(found, gone),
    }


def history_document(
    rows: Sequence[HistoryRow],
    week: str | None,
    window: int,
    selected: Mapping[str, object],
    accepted: Sequence[BaseChange] = (),
) -> HistoryDocument:
    """Return the comparison of a week (None: the newest) with a window of earlier weeks; rows are those of
    Store.history, and ``accepted`` all changes that were accepted.
    """
    weeks: dict[str, list[HistoryRow]] = {}
    for row in rows:
        weeks.setdefault(row["week"], []).append(row)
    names = sorted(weeks)
    week = week or (names[-1] if names else None)
    kept = [(name, weeks[name]) for name in names if week is not None and name <= week]
    found, gone = judge_trends(kept, window, accepted) if kept and kept[-1][0] == week else ([], [])
    return {
        "schema": HISTORY_SCHEMA,
        "selected": dict(selected),
        "week": week,
        "window": window,
        "runs": sum(len(members) for _, members in kept),
        **verdict_entries(found, gone),
    }


def verdict_entries(found: Sequence[Trend], gone: Sequence[Key]) -> Verdicts:
    """Return the keys of both documents: the rule, the worst verdict, the series."""
    verdicts = [item.verdict for series in found for item in series.judged]
    return {
        "rule": {"alpha": ALPHA, "minimum_effect": MINIMUM_EFFECT, "sought_effect": SOUGHT_EFFECT},
        "verdict": next((verdict for verdict in GRAVEST_FIRST if verdict in verdicts), "nothing to compare"),
        "series": [series_entry(item) for item in found],
        "missing": [series_key(key) for key in gone],
    }


def series_entry(series: Trend) -> SeriesVerdict:
    """Return one series."""
    return {
        **series.key,
        "id": series_id(columns_of(series.key, KEY)),
        "metrics": [metric_entry(item) for item in series.judged],
        "points": [
            {
                "set": point.name,
                "throughput": point.throughput.median,
                "interval": list(point.throughput.interval) if point.throughput.interval else None,
                "n": point.throughput.n,
            }
            for point in series.points
        ],
        "change_points": [
            {"set": series.points[change.index].name, "index": change.index, "change": change.change}
            for change in series.changes
        ],
        "commits": {"newest": series.commits, "earlier": series.earlier_commits},
        "processors": [
            {"set": change.name, "before": change.before, "after": change.after} for change in series.processors
        ],
    }


def metric_entry(item: Judged) -> MetricVerdict:
    """Return one verdict, in numbers and words."""
    found = item.comparison
    return {
        "metric": item.metric.name,
        "unit": item.metric.unit,
        "verdict": item.verdict,
        "text": str(item),
        "change": found.change,
        "interval": list(found.interval) if found.interval else None,
        "p": found.p,
        "adjusted_p": found.adjusted_p,
        "detectable": found.detectable,
        "needed": found.needed,
        "median": item.median,
        "earlier_median": item.earlier_median,
        "n": found.n,
        "earlier_sets": found.earlier_sets,
        "earlier_n": found.earlier_n,
        "since": item.since,
        "detectable_soon": found.detectable_soon,
        "accepted": item.accepted,
    }
