"""What people were told, so that they are told again only when it has changed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.records import read_json_if_whole, write_json

if TYPE_CHECKING:
    from orchestrator.schedule.observation import Finding, Observation

SCHEMA = "orchestrator.schedule-told/1"
WEEK = 7 * 86400.0
SLACK = 0.5 * 86400.0
"""Sweeps of two weeks are never quite two weeks apart."""
NOTABLE = 0.05
"""An alarm whose size changes by so much is another alarm."""

Kind = Literal["new", "changed", "still", "recovered", "settled"]


@dataclass(frozen=True)
class Alarm:
    """One that stands: since which moment, when people last heard of it (s since the epoch), and what."""

    state: str
    since: float
    told: float
    text: str
    size: float


@dataclass(frozen=True)
class News:
    """One thing worth telling."""

    kind: Kind
    state: str
    text: str


@dataclass
class Memory:
    """Alarms that stand, by key; ``levels``: from when on a series' earlier sweeps count, where it has settled."""

    alarms: dict[str, Alarm] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)

    def window(self, key: str) -> tuple[float, float]:
        """Which earlier sweeps, by their moment, say what is normal for the series."""
        alarm = self.alarms.get(key)
        return self.levels.get(key, 0.0), alarm.since if alarm else math.inf

    def write(self, path: Path) -> None:
        """By rename."""
        alarms = {key: asdict(alarm) for key, alarm in self.alarms.items()}
        write_json(path, {"schema": SCHEMA, "alarms": alarms, "levels": self.levels})


def remembered(path: Path) -> Memory:
    """What was written; nothing if nothing was."""
    document: dict[str, Any] = read_json_if_whole(path) or {}
    alarms = {key: Alarm(**values) for key, values in document.get("alarms", {}).items()}
    return Memory(alarms, dict(document.get("levels", {})))


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
