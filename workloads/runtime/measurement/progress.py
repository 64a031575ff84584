"""Signs of life while a run goes on: rank 0's heartbeat for people, one small slot a rank for the watchdog.

A thread writes them, so that a process that is stopped falls silent while one that waits for others does not.
"""

from __future__ import annotations

import math
import os
import resource
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.records import (
    ALIVE_SLOT_BYTES,
    SAMPLES,
    AliveSlot,
    AttemptDirectory,
    Heartbeat,
    alive_period,
    now,
    write_json,
)

OVER = 75
"""Exit code of a rank whose attempt was over while it still ran (EX_TEMPFAIL)."""


LATE_SECONDS = 5.0
"""A wait that ends so much later than it should is that of a process that stood still."""
CLOCK_SECONDS = 1.0
"""How long one such wait is: as much of a standstill may go uncounted."""


def times_waited() -> int:
    """How often the calling thread has begun to wait so far, for time, a lock or a file (getrusage(2), ru_nvcsw)."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def stood_still(late: float, waits: int) -> bool:
    """Whether a thread that did nothing but wait, and began to ``waits`` times, was ``late`` s late as its process
    stood still.

    A thread that wants Python's lock looks for it every 5 ms (sys.getswitchinterval), so that a call that keeps the
    lock, to compute or for a slow disk, makes it wait 200 times a second; so does a process that runs a part of the
    time, as under a quota, at least once each time. One that stands still makes none: 2 or 3 were seen.
    """
    return waits < 8 + 4 * late


def finite_or_none(value: float | None) -> float | None:
    """The number, None if it is none: JSON has no word for that, and the thread that writes it must not die."""
    return value if value is not None and math.isfinite(value) else None


@dataclass
class Progress:
    """Where a rank is. The training loop writes it, the thread below reads it; single assignments need no lock."""

    phase: str = "import"
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps_per_epoch: int = 0
    samples_per_s: float = 0.0
    unit: str = SAMPLES
    metric: str = ""
    quality: float | None = None
    target: float | None = None
    changes: int = 0
    collective: bool = False
    stop_requested: bool = False
    started: float = 0.0
    elapsed: Callable[[], float] = field(default=lambda: 0.0)
    first_step: int = 0
    redone_s: float = 0.0
    stood_still_s: float = 0.0
    waits_for_gradients: Callable[[], bool] = field(default=lambda: False)

    def enter(self, phase: str) -> None:
        """Note that a phase begins."""
        self.phase = phase
        self.changes += 1

    def tick(self) -> None:
        """Note that something goes on."""
        self.changes += 1

    @property
    def waiting(self) -> bool:
        """Whether the rank waits for others right now."""
        return self.collective or self.waits_for_gradients()

    def heartbeat(self) -> Heartbeat:
        """The document that the live view and the watchdog read."""
        return {
            "time": now(),
            "started": self.started,
            "phase": self.phase,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "step": self.step,
            "steps_per_epoch": self.steps_per_epoch,
            "samples_per_s": round(finite_or_none(self.samples_per_s) or 0.0, 3),
            "unit": self.unit,
            "metric": self.metric,
            "quality": finite_or_none(self.quality),
            "target": finite_or_none(self.target),
            "progress": self.changes,
            "elapsed_s": round(self.elapsed(), 3),
            "redone_s": round(self.redone_s, 3),
            "first_step": self.first_step,
            "stood_still_s": round(self.stood_still_s, 3),
        }


class SignsOfLife:
    """The threads of one rank. ``rank`` may be unknown (None) until the ranks have found each other."""

    def __init__(self, attempt: AttemptDirectory, progress: Progress, rank: int, ranks: int) -> None:
        self.attempt = attempt
        self.progress = progress
        self.rank = rank
        self.period = alive_period(ranks)
        self.clock_s = CLOCK_SECONDS
        self.late_s = LATE_SECONDS
        self.stopped = threading.Event()
        self.file = os.open(attempt.alive, os.O_RDWR | os.O_CREAT, 0o600)
        self.threads = [
            threading.Thread(target=self.run, name="signs-of-life", daemon=True),
            threading.Thread(target=self.watch_clock, name="stood-still", daemon=True),
        ]

    def start(self) -> None:
        """Begin to write."""
        self.write()
        for thread in self.threads:
            thread.start()

    def run(self) -> None:
        """Write and look around until stopped. A full disk silences this rank but does not end it."""
        while not self.stopped.wait(self.period):
            try:
                self.write()
                self.look()
            except OSError:
                continue

    def watch_clock(self) -> None:
        """Count time in which this process stood still: a thread that does nothing but wait was late by it.

        A thread of its own, as the one that writes is also late after a slow disk, which stops no work.
        """
        stopped = False
        while not stopped:
            before, waits = time.monotonic(), times_waited()
            stopped = self.stopped.wait(self.clock_s)
            late = time.monotonic() - before - self.clock_s
            if late > self.late_s and stood_still(late, times_waited() - waits):
                self.progress.stood_still_s += late

    def look(self) -> None:
        """Whether this rank may and should go on.

        Rank 0, on the node of whoever would ask, looks for all ranks whether they are to stop. Every rank ends at once
        when its attempt is over: one that was cut off must not write beside the attempt that replaced it.
        """
        if self.rank == 0 and self.attempt.stop_request.exists():
            self.progress.stop_requested = True
        if self.attempt.over:
            os._exit(OVER)

    def write(self) -> None:
        """One sign of life."""
        slot = AliveSlot(self.rank, now(), os.getpid(), self.progress.phase, self.progress.step, self.progress.waiting)
        os.pwrite(self.file, slot.encode(), self.rank * ALIVE_SLOT_BYTES)
        if self.rank == 0:
            write_json(self.attempt.heartbeat, self.progress.heartbeat())

    def stop(self) -> None:
        """Write a last time and end."""
        self.stopped.set()
        for thread in self.threads:
            if thread.is_alive():
                thread.join()
        self.write()
        os.close(self.file)
