"""The alarms that people were told of. They are told again only after a change."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypedDict

from orchestrator.records import read_record_if_whole, write_json

SCHEMA: Final = "orchestrator.schedule-told/1"
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

    def to_entry(self) -> AlarmEntry:
        """Return the alarm as the file has it."""
        return {
            "state": self.state,
            "since": self.since,
            "told": self.told,
            "text": self.text,
            "size": self.size,
        }


class AlarmEntry(TypedDict):
    """An alarm as the file has it."""

    state: str
    since: float
    told: float
    text: str
    size: float


class ToldFile(TypedDict):
    """told.json: standing alarms, and the moments from which sweeps count, by key."""

    schema: Literal["orchestrator.schedule-told/1"]
    alarms: dict[str, AlarmEntry]
    levels: dict[str, float]


@dataclass
class Memory:
    """Standing alarms by key. ``levels``: the moment from which a series' sweeps count, after a change of level was
    accepted.
    """

    alarms: dict[str, Alarm] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the memory, by rename."""
        alarms = {key: alarm.to_entry() for key, alarm in self.alarms.items()}
        told: ToldFile = {"schema": SCHEMA, "alarms": alarms, "levels": self.levels}
        write_json(path, told)


def read_memory(path: Path) -> Memory:
    """Return the memory of a file; empty if there is none, or none that can be read."""
    told = read_record_if_whole(path, ToldFile)
    if told is None:
        return Memory()
    return Memory({key: Alarm(**entry) for key, entry in told["alarms"].items()}, told["levels"])
