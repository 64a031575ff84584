"""state.json of a schedule: the moment that the newest sweep was for, and how the newest start ended."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypedDict

from orchestrator.records import read_record_if_whole, write_json

SCHEMA: Final = "orchestrator.schedule-state/1"


class SlotEntry(TypedDict):
    """The moment of the timing that a sweep was for, in seconds since the epoch, and how often it was tried."""

    moment: float
    tries: int
    done: bool


class LastStart(TypedDict):
    """The newest start: its sweep, or the reason why nothing was run."""

    moment: float
    sweep: str | None
    reason: str | None
    code: int


class State(TypedDict, total=False):
    """The whole file; empty before the first start. ``uncollected`` are sweeps with runs that the store lacks."""

    schema: Literal["orchestrator.schedule-state/1"]
    slot: SlotEntry
    uncollected: list[str]
    last_start: LastStart


def read_state(folder: Path) -> State:
    """The state in a schedule's folder; empty if there is none, or none that can be read."""
    return read_record_if_whole(folder / "state.json", State) or {}


def write_state(folder: Path, state: State) -> None:
    """Write the state, by rename."""
    write_json(folder / "state.json", {"schema": SCHEMA, **state})
