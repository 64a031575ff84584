"""Distinguishes a run that hangs from one that is slow."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from orchestrator.records import AttemptDirectory, Heartbeat, read_record_if_whole


@dataclass
class Watchdog:
    """Detects that ranks have been silent for too long: no step was done and no phase begun."""

    attempt: AttemptDirectory
    silence_s: float
    startup_silence_s: float
    started: float = field(default_factory=time.monotonic)
    newest: tuple[str, int, int] | None = None
    changed: float = field(default_factory=time.monotonic)
    training: bool = False

    def silence(self) -> float | None:
        """Return the seconds of silence if they exceed the profile's limit, otherwise None."""
        heartbeat = read_record_if_whole(self.attempt.heartbeat, Heartbeat)
        mark = (heartbeat["phase"], heartbeat["step"], heartbeat["progress"]) if heartbeat else None
        if mark != self.newest:
            self.newest, self.changed = mark, time.monotonic()
            self.training = heartbeat is not None and heartbeat["step"] > 0
        silent = time.monotonic() - self.changed
        return silent if silent > (self.silence_s if self.training else self.startup_silence_s) else None
