"""What to tell people of a sweep, given what they were told before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from orchestrator.schedule.memory import Alarm, Memory
from orchestrator.schedule.observation import Finding, Observation

SLACK = 0.5 * 86400.0
"""Sweeps of two weeks are never quite two weeks apart."""
NOTABLE = 0.05
"""An alarm whose size changes by so much is another alarm."""

Kind = Literal["new", "changed", "still", "recovered", "settled"]


@dataclass(frozen=True)
class News:
    """One thing worth telling."""

    kind: Kind
    state: str
    text: str


def news(
    seen: Observation, memory: Memory, moment: float, began: float, remind_s: float, settle_s: float
) -> list[News]:
    """What to tell of a sweep that ``began`` then; ``memory`` becomes what will have been told."""
    told: list[News] = []
    for finding in seen.findings:
        told += news_of(finding, memory, moment, began, remind_s, settle_s)
    # A suite may run the same again: what failed once is not well.
    bad = {finding.key for finding in seen.findings}
    for key in [key for key in memory.alarms if key in seen.well and key not in bad]:
        alarm = memory.alarms.pop(key)
        told.append(News("recovered", alarm.state, seen.well[key]))
    return told


def news_of(
    finding: Finding, memory: Memory, moment: float, began: float, remind_s: float, settle_s: float
) -> Iterable[News]:
    """The same of one finding."""
    old = memory.alarms.get(finding.key)
    if old is None or old.state != finding.state:
        since = old.since if old and {old.state, finding.state} <= {"slower", "faster"} else began
        memory.alarms[finding.key] = Alarm(finding.state, since, moment, finding.text, finding.size)
        return [News("new", finding.state, finding.text)]
    if finding.state in ("slower", "faster") and began - old.since >= settle_s - SLACK:
        del memory.alarms[finding.key]
        memory.levels[finding.key] = old.since
        return [News("settled", finding.state, f"{finding.text}; from now on this is the normal")]
    if abs(finding.size - old.size) >= NOTABLE:
        kind: Kind = "changed"
    elif moment - old.told >= remind_s - SLACK:
        kind = "still"
    else:
        return []
    memory.alarms[finding.key] = Alarm(finding.state, old.since, moment, finding.text, finding.size)
    return [News(kind, finding.state, finding.text)]
