"""Tells a run that hangs from one that is slow."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from orchestrator.records import AttemptDirectory, read_json_if_whole


@dataclass
class Watchdog:
    """Tells when ranks have been silent for too long: no step done, no phase begun."""

    attempt: AttemptDirectory
    silence_s: float
    startup_silence_s: float
    started: float = field(default_factory=time.monotonic)
    newest: tuple[Any, ...] = ()
    changed: float = field(default_factory=time.monotonic)
    training: bool = False

    def silence(self) -> float | None:
        """Seconds of silence if they exceed what the profile allows, else None."""
        heartbeat = read_json_if_whole(self.attempt.heartbeat) or {}
        mark = (heartbeat.get("phase"), heartbeat.get("step"), heartbeat.get("progress"))
        if mark != self.newest:
            self.newest, self.changed = mark, time.monotonic()
            self.training = bool(heartbeat.get("step"))
        silent = time.monotonic() - self.changed
        return silent if silent > (self.silence_s if self.training else self.startup_silence_s) else None
