"""Signs of life while ranks run, and the clock and the name that everything which crosses hosts goes by."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from orchestrator.records.checking import Amount, Count, Moment, RecordError, Whole
from orchestrator.records.files import read_plain

ALIVE_SLOT_BYTES = 64
"""Size of a rank's slot in the liveness file: JSON, padded with spaces and ended by a newline."""


class HeartbeatFacts(TypedDict):
    """Rank 0's progress. ``time`` and ``started`` (of the process) are seconds since the epoch.

    ``step`` counts this attempt's and earlier ones' steps, ``first_step`` the earlier ones' alone. ``progress`` grows
    whenever anything is done. ``elapsed_s`` is the training time of all attempts so far, ``redone_s`` what of it was
    spent again because no checkpoint held it. ``quality`` is null before the first evaluation.
    """

    time: Moment
    started: Moment
    phase: str
    epoch: Count
    epochs: Count
    step: Count
    steps_per_epoch: Count
    samples_per_s: Amount
    metric: str
    quality: float | None
    target: float | None
    progress: Whole
    elapsed_s: Amount
    redone_s: Amount
    first_step: Count


class Heartbeat(HeartbeatFacts, total=False):
    """A heartbeat. ``unit`` is what ``samples_per_s`` counts; absent in early versions, which counted samples.
    ``stood_still_s`` is how long rank 0 stood still so far in what this attempt measures, s.
    """

    unit: str
    stood_still_s: Amount


@dataclass(frozen=True)
class AliveSlot:
    """What a rank's liveness thread last wrote. ``waiting`` tells whether it waited for other ranks then."""

    rank: int
    written: float
    pid: int
    phase: str
    step: int
    waiting: bool

    def encode(self) -> bytes:
        """The slot's bytes, always ALIVE_SLOT_BYTES long."""
        text = json.dumps([round(self.written, 1), self.pid, self.phase, self.step, int(self.waiting)])
        return text[: ALIVE_SLOT_BYTES - 1].ljust(ALIVE_SLOT_BYTES - 1).encode() + b"\n"


def read_alive(path: Path) -> dict[int, AliveSlot]:
    """The ranks' newest slots; ranks that have not written yet are absent."""
    try:
        content = read_plain(path)
    except RecordError:
        return {}
    slots = {}
    for rank in range(len(content) // ALIVE_SLOT_BYTES):
        raw = content[rank * ALIVE_SLOT_BYTES : (rank + 1) * ALIVE_SLOT_BYTES]
        try:
            written, pid, phase, step, waiting = json.loads(raw)
            slots[rank] = AliveSlot(rank, float(written), int(pid), str(phase), int(step), bool(waiting))
        except (ValueError, TypeError, OverflowError):
            continue
    return slots


def alive_period(ranks: int) -> float:
    """Seconds between two liveness writes of a rank: at most some hundred writes a second over the whole job."""
    return max(1.0, ranks / 256)


def now() -> float:
    """Seconds since the epoch: the clock of everything that crosses hosts."""
    return time.time()


def user_name() -> str:
    """Who runs this process: by name, or by number where the password file does not have it, as in containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return str(os.getuid())


def host_name() -> str:
    """This host as the scheduler calls it, else as it calls itself."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()
