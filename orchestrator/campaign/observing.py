"""What this process has seen of each attempt, by its own monotonic clock.

The clocks of login node, compute nodes and file server differ. How long ago something was is therefore counted from
when this process saw it; a process that has just begun knows of nothing yet how long it has been so.
"""

from __future__ import annotations

import time
from pathlib import Path

from orchestrator.launch.signs import SeenSigns
from orchestrator.records import AttemptDirectory


class Observed:
    """One attempt as this process has seen it."""

    def __init__(self, attempt: AttemptDirectory) -> None:
        self.attempt = attempt
        self.signs = SeenSigns(attempt.alive)
        self.marks: list[tuple[int, int] | None] = []
        self.changed = time.monotonic()
        self.over_since: float | None = None
        self.stuck_since: float | None = None

    def look(self) -> None:
        """See what has been written since the last look."""
        self.signs.look()
        files = (self.attempt.alive, self.attempt.heartbeat, self.attempt.stderr)
        marks = [mark_of(path) for path in files]
        if marks != self.marks:
            self.marks, self.changed = marks, time.monotonic()

    @property
    def wrote(self) -> bool:
        """Whether anything of the attempt's ranks was ever there."""
        return any(self.marks)

    @property
    def quiet_s(self) -> float:
        """Seconds since the attempt was last seen to write."""
        return time.monotonic() - self.changed

    def over_s(self, over: bool) -> float:
        """Seconds since its job was first said to be over; 0 if it is not now."""
        moment = time.monotonic()
        self.over_since = (self.over_since or moment) if over else None
        return 0.0 if self.over_since is None else moment - self.over_since

    def stuck_s(self, stuck: bool) -> float | None:
        """Seconds since its job was first seen to wait for what never comes by itself; None if it does not now."""
        moment = time.monotonic()
        self.stuck_since = (self.stuck_since or moment) if stuck else None
        return None if self.stuck_since is None else moment - self.stuck_since


def mark_of(path: Path) -> tuple[int, int] | None:
    """What changes when a file is written; None if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


OBSERVED: dict[Path, Observed] = {}
"""Of every attempt that this process has looked at."""


def observe(attempt: AttemptDirectory) -> Observed:
    """Look at an attempt."""
    observed = OBSERVED.setdefault(attempt.path, Observed(attempt))
    observed.look()
    return observed


def observe_unbegun(attempt: AttemptDirectory) -> Observed:
    """Look at an attempt of which nothing is there: once, so that what comes later is known to be new."""
    return OBSERVED.get(attempt.path) or observe(attempt)
