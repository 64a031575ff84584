"""Decides what people are told of a sweep, given what they were told before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from orchestrator.analysis.history import OPEN
from orchestrator.schedule.memory import Alarm, Memory
from orchestrator.schedule.observation import Finding, Observation

SLACK = 0.5 * 86400.0
"""Tolerance of an interval of weeks, s: two weekly sweeps are not exactly a week apart."""
NOTABLE = 0.05
"""Change of an alarm's size that makes it news again."""

Kind = Literal["new", "changed", "still", "recovered", "settled"]


@dataclass(frozen=True)
class News:
    """One thing to tell people."""

    kind: Kind
    state: str
    text: str


def collect_news(
    seen: Observation, memory: Memory, moment: float, began: float, remind_s: float, settle_s: float
) -> list[News]:
    """Return what to tell people of a sweep that began at ``began``, and update ``memory`` to match."""
    told: list[News] = []
    for finding in seen.findings:
        told += news_of_finding(finding, memory, moment, began, remind_s, settle_s)
    # A suite may run the same again: what failed once is not well.
    bad = {finding.key for finding in seen.findings}
    for key in [key for key in memory.alarms if key in seen.well and key not in bad]:
        alarm = memory.alarms.pop(key)
        told.append(News("settled" if key in seen.accepted else "recovered", alarm.state, seen.well[key]))
    return told


def news_of_finding(
    finding: Finding, memory: Memory, moment: float, began: float, remind_s: float, settle_s: float
) -> Iterable[News]:
    """Return what to tell people of one finding, none or one item, and update ``memory`` to match."""
    old = memory.alarms.get(finding.key)
    if old is None or old.state != finding.state:
        since = old.since if old and {old.state, finding.state} <= set(OPEN) else began
        memory.alarms[finding.key] = Alarm(finding.state, since, moment, finding.text, finding.size)
        return [News("new", finding.state, finding.text)]
    if finding.state in OPEN and began - old.since >= settle_s - SLACK:
        del memory.alarms[finding.key]
        memory.levels[finding.key] = old.since
        return [News("settled", finding.state, f"{finding.text}; from now on this is the normal")]
    if abs(finding.size - old.size) >= NOTABLE:
        kind: Kind = "changed"
    elif moment - old.told >= remind_s - SLACK or old.told - moment > SLACK:
        # Told by a clock that was ahead, it would be silent until that moment comes.
        kind = "still"
    else:
        return []
    since = min(old.since, began)
    memory.alarms[finding.key] = Alarm(finding.state, since, moment, finding.text, finding.size)
    return [News(kind, finding.state, finding.text)]
