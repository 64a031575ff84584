"""Compares a sweep with the earlier sweeps of its schedule: pure functions over the store's rows.

The runs of a series differ in date and repeat only. While an alarm about a series stands, the series is compared with
the sweeps before the alarm, so that slow weeks neither become the normal state nor hide its end.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.acceptance.entries import CheckEntry
from orchestrator.analysis.history import Key, group_by_series, key_of_run, metric_values, metrics_of
from orchestrator.analysis.regression import Comparison, Series, compare_series
from orchestrator.analysis.stragglers import MINIMUM_RUNS, slow_hosts
from orchestrator.records import choice_words
from orchestrator.schedule.memory import Memory
from orchestrator.store.entries import HistoryRow, HostHistoryRow

GRAVEST_FIRST = (
    "not run",
    "no store",
    "expired",
    "failed",
    "wrong answer",
    "check failed",
    "bad host",
    "slower",
    "faster",
)


@dataclass(frozen=True)
class Finding:
    """Something that is wrong or has changed. ``key`` names its subject, the same in every sweep."""

    key: str
    state: str
    text: str
    size: float = 0.0


@dataclass
class Observation:
    """The findings of a sweep, and in ``well`` a line for each subject that was checked and is well, by key."""

    findings: list[Finding] = field(default_factory=list)
    well: dict[str, str] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    runs: int = 0
    completed: int = 0
    earlier_sweeps: int = 0

    def add(self, key: str, state: str | None, text: str, size: float = 0.0) -> None:
        """Add a finding or, if ``state`` is None, a subject that is well."""
        if state is None:
            self.well[key] = text
        else:
            self.findings.append(Finding(key, state, text, size))


def sweep_of(name: str, campaign: str) -> str | None:
    """Return the sweep that a campaign belongs to (NAME-DATE-TIME), None if it is not of this schedule."""
    found = re.match(re.escape(name) + r"-\d{8}-\d{6}(?=-|$)", campaign)
    return found[0] if found else None


def series_name(row: HistoryRow) -> str:
    """Return the series for people: "stemdl small on 2 nodes"."""
    chosen = choice_words(row["benchmark"], row["dataset_name"], row["method"])
    words = [row["benchmark"], *chosen, row["recipe"], *([row["mode"]] if row["mode"] != "training" else [])]
    scale = f", {row['scale']} scaling" if row["scale"] != "single" else ""
    return f"{' '.join(words)} on {row['nodes']} node{'s' if row['nodes'] > 1 else ''}{scale} ({row['comm']})"


def series_key(row: HistoryRow) -> str:
    """Return the series' key in the memory of alarms."""
    return "/".join(map(str, key_of_run(row)))


def observe_sweep(
    name: str, sweep: str, rows: Sequence[HistoryRow], hosts: Sequence[HostHistoryRow], memory: Memory
) -> Observation:  # fmt: skip
    """Return all findings of a sweep.

    ``rows`` are the cluster's runs in any state (Store.history), ``hosts`` completed runs by host (Store.host_history),
    both oldest first.
    """
    own = [(sweep_of(name, row["campaign"]), row) for row in rows]
    current = [row for found, row in own if found == sweep]
    earlier = [(found, row) for found, row in own if found is not None and found < sweep]
    seen = Observation(runs=len(current), completed=sum(row["state"] == "completed" for row in current))
    seen.earlier_sweeps = len({found for found, _ in earlier})
    for row in current:
        observe_run(seen, row)
    observe_speed(seen, current, earlier, memory)
    observe_hosts(seen, [row for row in hosts if (sweep_of(name, row["campaign"]) or "~") <= sweep], sweep)
    return seen


def observe_run(seen: Observation, row: HistoryRow) -> None:
    """Add whether a run completed, and whether it reached its quality target."""
    key = f"run/{series_key(row)}/r{row['repeat']}"
    what = f"{series_name(row)}, repeat {row['repeat'] + 1}"
    if row["state"] != "completed":
        seen.add(key, "failed", f"{what}: {row['state']}: {row['cause'] or 'no cause is known'}")
        return
    seen.add(key, None, f"{what} completes again")
    trained = row["mode"] == "training" and row["stopped"] != "steps" and row["target"] is not None
    if trained and row["time_to_accuracy_s"] is None:
        text = f"{what}: {row['metric']} {row['quality']:.3f}, not the target {row['target']:.3f}"
        seen.add(f"quality/{key}", "wrong answer", text)
    elif trained:
        seen.add(f"quality/{key}", None, f"{what}: {row['metric']} reaches its target again")


def observe_checks(seen: Observation, checks: Sequence[CheckEntry]) -> None:
    """Add the checks of an acceptance suite (verdict.json). Undecided checks are passed over."""
    for check in checks:
        key, found = f"check/{check['id']}", check["value"]
        value = "" if found is None else f" ({found:.4g} {check['unit']}".rstrip() + f", n = {check['n']})"
        if check["outcome"] == "fail":
            why = f": {check['why']}" if check["why"] else ""
            seen.add(key, "check failed", f"check {check['id']} fails{value}{why}")
        elif check["outcome"] == "pass":
            seen.add(key, None, f"check {check['id']} passes again{value}")


def observe_speed(
    seen: Observation, current: Sequence[HistoryRow], earlier: Sequence[tuple[str, HistoryRow]], memory: Memory
) -> None:
    """Add a finding for each series and metric. All are judged as one family by ``regression.compare_series``."""
    family: dict[str, Series] = {}
    names: dict[str, tuple[str, str]] = {}
    sets: dict[Key, dict[str, list[HistoryRow]]] = {}
    for sweep, row in earlier:
        if row["state"] == "completed":
            sets.setdefault(key_of_run(row), {}).setdefault(sweep, []).append(row)
    for key, rows in group_by_series([row for row in current if row["state"] == "completed"]).items():
        before = [found for _, found in sorted(sets.get(key, {}).items())]
        # The warm rate only where every run has one: it is not to be compared with that of whole runs.
        warm = all(row["throughput_warm"] for found in (*before, rows) for row in found if row["throughput"])
        for metric in metrics_of(rows):
            name = f"{metric.name}/{series_key(rows[0])}"
            since, until = memory.window(name)
            within = [[row for row in found if since <= row["created"] < until] for found in before]
            values = [metric_values(metric, found, warm) for found in within]
            new = metric_values(metric, rows, warm)
            if new:
                family[name] = Series(new, [found for found in values if found], metric.higher_is_faster)
                names[name] = (f"{metric.name.replace('_', ' ')} of {series_name(rows[0])}", metric.unit)
    for (name, series), verdict in zip(family.items(), compare_series(family), strict=True):
        what, unit = names[name]
        if verdict.verdict == "not enough runs":
            seen.unsure.append(f"{what}: {verdict}")
        else:
            state = None if verdict.verdict == "no change" else verdict.verdict
            seen.add(name, state, speed_text(what, unit, series, verdict), verdict.change or 0.0)


def speed_text(what: str, unit: str, series: Series, verdict: Comparison) -> str:
    """Return the verdict with its figures."""
    before = statistics.median(value for values in series.earlier for value in values)
    now = statistics.median(series.current)
    return (
        f"{what}: {verdict} ({before:.4g} → {now:.4g} {unit}, n = {verdict.n} against {verdict.earlier_n} in "
        f"{verdict.earlier_sets} earlier sweep{'s' if verdict.earlier_sets > 1 else ''})"
    )


def observe_hosts(seen: Observation, rows: Sequence[HostHistoryRow], sweep: str) -> None:
    """Add hosts slower than their fleet, over the sweep's runs and the earlier ones that a judgement needs."""
    runs: dict[tuple[str, str], list[HostHistoryRow]] = {}
    for row in rows:
        runs.setdefault((row["campaign"], row["run"]), []).append(row)
    present = {row["host"] for row in rows if row["campaign"].startswith(sweep)}
    taken: list[list[HostHistoryRow]] = []
    count: dict[str, int] = {}
    for (campaign, _), members in reversed(runs.items()):
        names = {row["host"] for row in members}
        if len(names) < 2:
            continue
        if campaign.startswith(sweep) or any(count.get(host, 0) < MINIMUM_RUNS for host in names & present):
            taken.append(members)
            for host in names:
                count[host] = count.get(host, 0) + 1
    slow = {
        record.host: record
        for record in slow_hosts(
            ([row["host"] for row in members], [(row["data_s"] or 0) + (row["compute_s"] or 0) for row in members])
            for members in taken
        )
    }
    for host in sorted(present):
        if host in slow:
            seen.add(f"host/{host}", "bad host", str(slow[host]), slow[host].excess)
        elif count.get(host, 0) >= MINIMUM_RUNS:
            seen.add(f"host/{host}", None, f"host {host} is as fast as the fleet again")
