"""The link between the attempts of one run: the time of earlier ones, and the request to stop in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.records import (
    STOP_SCHEMA,
    AttemptDirectory,
    Heartbeat,
    RunDirectory,
    Stopped,
    now,
    read_record_if_whole,
    write_json,
)
from workloads.runtime.measurement.progress import Progress


@dataclass(frozen=True)
class Earlier:
    """The attempts before this one. ``elapsed`` is their training time, s, known to one period of the heartbeat;
    ``orderly``: the newest of them stopped with a checkpoint, so that nothing need be done again.
    """

    elapsed: float = 0.0
    orderly: bool = False


def earlier_attempts(directory: RunDirectory, number: int) -> Earlier:
    """Return what attempts before ``number`` did."""
    before = [attempt for attempt in directory.attempts() if attempt.number < number]
    beats = [read_record_if_whole(attempt.heartbeat, Heartbeat) for attempt in before]
    elapsed = max((beat["elapsed_s"] for beat in beats if beat), default=0.0)
    return Earlier(elapsed, bool(before) and before[-1].stopped.exists())


@contextmanager
def stopping_on_signal(progress: Progress) -> Iterator[None]:
    """Take SIGTERM as the request to checkpoint and stop: it may be all that ranks hear when Slurm preempts them."""

    def stop(*_: object) -> None:
        progress.stop_requested = True

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def write_stopped(attempt: AttemptDirectory, total_steps: int, elapsed: float) -> None:
    """Say that the ranks have stopped as they were asked to, after so many steps and s of training in all attempts."""
    document: Stopped = {"schema": STOP_SCHEMA, "total_steps": total_steps, "elapsed_s": elapsed, "ended": now()}
    write_json(attempt.stopped, document)
