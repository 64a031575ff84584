"""Distinguishes a run that hangs from one that is slow."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.launch.awake import AwakeClock
from orchestrator.records import AttemptDirectory, Heartbeat, read_record_if_whole


@dataclass
class Watchdog:
    """Detects that ranks have been silent for too long: no step was done and no phase begun.

    Time in which the watcher itself was stopped is nobody's silence, and afterwards the ranks have all of their time
    again.
    """

    attempt: AttemptDirectory
    silence_s: float
    startup_silence_s: float
    clock: AwakeClock = field(default_factory=AwakeClock)
    newest: tuple[str, int, int] | None = None
    changed: float = 0.0
    asleep_s: float = 0.0
    training: bool = False

    def __post_init__(self) -> None:
        """The watch begins."""
        self.changed, self.asleep_s = self.clock.now(), self.clock.asleep_s

    def silence(self) -> float | None:
        """Return the seconds of silence if they exceed the profile's limit, otherwise None."""
        heartbeat = read_record_if_whole(self.attempt.heartbeat, Heartbeat)
        mark = (heartbeat["phase"], heartbeat["step"], heartbeat["progress"]) if heartbeat else None
        moment = self.clock.now()
        if mark != self.newest or self.clock.asleep_s != self.asleep_s:
            self.newest, self.changed, self.asleep_s = mark, moment, self.clock.asleep_s
            self.training = heartbeat is not None and heartbeat["step"] > 0
        silent = moment - self.changed
        return silent if silent > (self.silence_s if self.training else self.startup_silence_s) else None
