"""Compares a sweep with the earlier sweeps of its schedule: pure functions over the store's rows.

The runs of a series differ in date and repeat only. While a change of a series' speed is open, the series is compared
with the sweeps before it, so that slow weeks neither become the normal state nor hide its end (analysis/tracking.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.analysis.history import (
    OPEN,
    Judged,
    Key,
    acceptance_text,
    count_sets,
    group_by_series,
    judge_family,
    key_of_run,
    metrics_of,
    series_id,
)
from orchestrator.analysis.regression import MINIMUM_EFFECT
from orchestrator.analysis.stragglers import MINIMUM_RUNS, own_times_by_run, slow_hosts
from orchestrator.errors import EXIT_CODES, EXIT_USAGE
from orchestrator.records import choice_words, unit_of
from orchestrator.schedule.execution import Execution, SweepDocument
from orchestrator.schedule.memory import Memory
from orchestrator.store.entries import BaseChange, HistoryRow, HostHistoryRow

GRAVEST_FIRST = (
    "not run",
    "no store",
    "expired",
    "wrong clock",
    "failed",
    "wrong answer",
    "check failed",
    "undecided",
    "bad host",
    "slower",
    "drifting",
    "faster",
)
BEHIND_A_CODE = GRAVEST_FIRST[: GRAVEST_FIRST.index("bad host")]
"""States of findings that say why a sweep ended with another exit code than 0."""
NEWEST = "this sweep"
SUSPICIOUS = 0.1
"""Probability of a slow-down by chance, in any of the series, below which a sweep is worth repeating."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong or has changed. ``key`` names its subject, the same in every sweep."""

    key: str
    state: str
    text: str
    size: float = 0.0


@dataclass
class Observation:
    """The findings of a sweep, and in ``well`` a line for each subject that was checked and is well, by key.

    ``suspicious`` has a line for each series that is or looks slower and was not told of yet; ``repeated``: the sweep
    was run twice. ``accepted`` has the keys of series that are well because what people were told of was
    accepted.
    """

    findings: list[Finding] = field(default_factory=list)
    well: dict[str, str] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    runs: int = 0
    completed: int = 0
    earlier_sweeps: int = 0
    suspicious: list[str] = field(default_factory=list)
    repeated: bool = False
    accepted: set[str] = field(default_factory=set)

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


def confirmation_of(sweep: str) -> str:
    """Return the campaign that repeats a sweep, and belongs to it."""
    return f"{sweep}-confirm"


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
    name: str,
    sweep: str,
    rows: Sequence[HistoryRow],
    hosts: Sequence[HostHistoryRow],
    memory: Memory,
    accepted: Sequence[BaseChange] = (),
) -> Observation:
    """Return all findings of a sweep.

    ``rows`` are the cluster's runs in any state (Store.history), ``hosts`` completed runs by host (Store.host_history),
    both oldest first; ``accepted`` are all changes of base that were accepted.
    """
    own = [(sweep_of(name, row["campaign"]), row) for row in rows]
    current = [row for found, row in own if found == sweep]
    earlier = [(found, row) for found, row in own if found is not None and found < sweep]
    seen = Observation(runs=len(current), completed=sum(row["state"] == "completed" for row in current))
    seen.earlier_sweeps = len({found for found, _ in earlier})
    seen.repeated = any(row["campaign"].startswith(confirmation_of(sweep)) for row in current)
    for row in current:
        observe_run(seen, row)
    observe_speed(seen, current, earlier, memory, accepted)
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
    # Of a run that stood still meanwhile no times are kept, which say whether the target was reached.
    timed = row["throughput"] is not None or row["time_to_accuracy_s"] is not None
    trained = row["mode"] == "training" and row["stopped"] != "steps" and row["target"] is not None and timed
    if trained and row["time_to_accuracy_s"] is None:
        value = "not measured" if row["quality"] is None else f"{row['quality']:.3f}"
        text = f"{what}: {row['metric']} {value}, not the target {row['target']:.3f}"
        seen.add(f"quality/{key}", "wrong answer", text)
    elif trained:
        seen.add(f"quality/{key}", None, f"{what}: {row['metric']} reaches its target again")


def observe_checks(seen: Observation, document: SweepDocument) -> None:
    """Add the checks of an acceptance suite (verdict.json), and its phases that were not run for all of theirs. A check
    that was not measured counts only where it is required.
    """
    left_out: dict[str, int] = {phase["name"]: 0 for phase in document.get("phases", []) if not phase["ran"]}
    for check in document.get("checks", []):
        key, found = f"check/{check['id']}", check["value"]
        value = "" if found is None else f" ({found:.4g} {check['unit']}".rstrip() + f", n = {check['n']})"
        why = f": {check['why']}" if check["why"] else ""
        if check["outcome"] == "fail":
            seen.add(key, "check failed", f"check {check['id']} fails{value}{why}")
        elif check["outcome"] == "undecided":
            seen.add(key, "undecided", f"check {check['id']} is undecided{value}{why}")
        elif check["outcome"] == "not measurable" and left_out and check["phase"] in left_out:
            left_out[check["phase"]] += 1
        elif check["outcome"] == "not measurable" and check["required"]:
            seen.add(key, "undecided", f"check {check['id']} is required, and was not measured{why}")
        elif check["outcome"] == "pass":
            seen.add(key, None, f"check {check['id']} passes again{value}")
    for phase in document.get("phases", []):
        key, name = f"phase {phase['name']}", phase["name"]
        if phase["ran"]:
            seen.add(key, None, f"{key} is run again")
        else:
            checks = f"{left_out[name]} check{'s' if left_out[name] != 1 else ''}"
            seen.add(key, "undecided", f"{key} was not run: {checks} without outcome")


def observe_end(seen: Observation, execution: Execution) -> None:
    """Add how the sweep ended, after all that was found in it. A code that tells of trouble is never passed over."""
    code, words = execution.code, execution.last_words or "see its log"
    if execution.stopped:
        seen.add("limit", "failed", f"the sweep was {execution.stopped}")
    else:
        seen.add("limit", None, "the sweep ends within its time limit")
    if code == EXIT_USAGE or (code and not seen.runs and "store" in seen.well):
        seen.add("sweep", "not run", f"the sweep could not run: {words}")
    elif code and execution.document is None and not execution.stopped:
        seen.add("sweep", "not run", f"the sweep broke off with exit code {code}, and has no result: {words}")
    elif code and not any(finding.state in BEHIND_A_CODE for finding in seen.findings):
        meaning = EXIT_CODES.get(code, "it was ended").partition(";")[0]
        seen.add("sweep", "failed", f"the sweep ended with exit code {code}: {meaning}; see its log")
    elif seen.runs:
        seen.add("sweep", None, "sweeps run again")


def observe_speed(
    seen: Observation,
    current: Sequence[HistoryRow],
    earlier: Sequence[tuple[str, HistoryRow]],
    memory: Memory,
    accepted: Sequence[BaseChange],
) -> None:
    """Add a finding for each series and metric. All are judged as one family, each at its newest sweep."""
    sweeps = sorted({sweep for sweep, _ in earlier})
    sets: dict[Key, dict[str, list[HistoryRow]]] = {}
    for sweep, row in earlier:
        if row["state"] == "completed":
            sets.setdefault(key_of_run(row), {}).setdefault(sweep, []).append(row)
    newest = group_by_series([row for row in current if row["state"] == "completed"])
    courses = {
        key: count_sets([*((sweep, sets.get(key, {}).get(sweep, [])) for sweep in sweeps), (NEWEST, rows)])
        for key, rows in newest.items()
    }
    for key, judged in judge_family(courses, accepted=[*accepted, *settled_changes(newest, memory)]).items():
        for item in judged:
            name = f"{item.metric.name}/{series_key(newest[key][0])}"
            what = f"{item.metric.name.replace('_', ' ')} of {series_name(newest[key][0])}"
            verdict, text = item.comparison.verdict, speed_text(what, item)
            if verdict in OPEN:
                seen.add(name, verdict, text, item.comparison.change or 0.0)
            elif verdict == "no change" or name in memory.alarms:
                # An alarm that is over is told to be over, whatever the noise.
                alarm = memory.alarms.get(name)
                if alarm is not None and item.accepted is not None and item.accepted["accepted"] >= alarm.since:
                    seen.accepted.add(name)
                    text += f": {acceptance_text(item.accepted)}"
                seen.add(name, None, text)
            if looks_slower(item) and name not in memory.alarms:
                seen.suspicious.append(text)
            if verdict in ("too noisy", "not enough runs"):
                seen.unsure.append(f"{what}: {item}")


def looks_slower(item: Judged) -> bool:
    """Whether a series is slower than before, or so much slower in its newest sweep that a second one would tell."""
    found = item.comparison
    if found.verdict in ("slower", "drifting"):
        return True
    moved, chance = found.change or 0.0, found.adjusted_p
    return found.verdict not in OPEN and moved <= -MINIMUM_EFFECT and chance is not None and chance < SUSPICIOUS


def settled_changes(newest: Mapping[Key, Sequence[HistoryRow]], memory: Memory) -> list[BaseChange]:
    """Return the changes that the schedule took for the new normal by itself, as if they had been accepted."""
    return [
        {
            "series": series_id(key), "metric": metric.name, "since": memory.levels[name], "change": None,
            "accepted": memory.levels[name], "accepted_by": "the schedule", "why": "settle_weeks",
        }
        for key, rows in newest.items() for metric in metrics_of(unit_of(rows[-1]))
        if (name := f"{metric.name}/{series_key(rows[0])}") in memory.levels
    ]  # fmt: skip


def speed_text(what: str, item: Judged) -> str:
    """Return the verdict with its figures."""
    found = item.comparison
    before = "–" if item.earlier_median is None else f"{item.earlier_median:.4g}"
    since = f" since {item.since}" if item.since not in (None, NEWEST) else ""
    return (
        f"{what}: {found}{since} ({before} → {item.median:.4g} {item.metric.unit}, n = {found.n} against "
        f"{found.earlier_n} in {found.earlier_sets} earlier sweep{'s' if found.earlier_sets > 1 else ''})"
    )


def observe_hosts(seen: Observation, rows: Sequence[HostHistoryRow], sweep: str) -> None:
    """Add hosts slower than their fleet, over the sweep's runs and the earlier ones that a judgement needs."""
    measured = [row for row in rows if row["data_s"] is not None and row["compute_s"] is not None]
    runs: dict[tuple[str, str], list[HostHistoryRow]] = {}
    for row in measured:
        runs.setdefault((row["campaign"], row["run"]), []).append(row)
    present = {row["host"] for row in measured if row["campaign"].startswith(sweep)}
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
    slow = {record.host: record for record in slow_hosts(run for members in taken for run in own_times_by_run(members))}
    for host in sorted(present):
        if host in slow:
            seen.add(f"host/{host}", "bad host", str(slow[host]), slow[host].excess)
        elif count.get(host, 0) >= MINIMUM_RUNS:
            seen.add(f"host/{host}", None, f"host {host} is as fast as the fleet again")
