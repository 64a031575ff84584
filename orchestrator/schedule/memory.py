"""What people were told, so that they are told again only when it has changed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.records import read_json_if_whole, write_json

SCHEMA = "orchestrator.schedule-told/1"
WEEK = 7 * 86400.0


@dataclass(frozen=True)
class Alarm:
    """One that stands: since which moment, when people last heard of it (s since the epoch), and what."""

    state: str
    since: float
    told: float
    text: str
    size: float


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
