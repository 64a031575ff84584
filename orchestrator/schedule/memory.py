"""The alarms that people were told of. They are told again only after a change."""

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
    """A standing alarm. ``since``: the sweep that showed it first; ``told``: the last message about it, both in seconds
    since the epoch.
    """

    state: str
    since: float
    told: float
    text: str
    size: float


@dataclass
class Memory:
    """Standing alarms by key. ``levels``: the moment from which a series' sweeps count, after a change of level was
    accepted.
    """

    alarms: dict[str, Alarm] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)

    def window(self, key: str) -> tuple[float, float]:
        """Return the moments (from, before) between which earlier sweeps count as normal for the series."""
        alarm = self.alarms.get(key)
        return self.levels.get(key, 0.0), alarm.since if alarm else math.inf

    def write(self, path: Path) -> None:
        """Write the memory, by rename."""
        alarms = {key: asdict(alarm) for key, alarm in self.alarms.items()}
        write_json(path, {"schema": SCHEMA, "alarms": alarms, "levels": self.levels})


def read_memory(path: Path) -> Memory:
    """Return the memory of a file; empty if there is no file."""
    document: dict[str, Any] = read_json_if_whole(path) or {}
    alarms = {key: Alarm(**values) for key, values in document.get("alarms", {}).items()}
    return Memory(alarms, dict(document.get("levels", {})))
