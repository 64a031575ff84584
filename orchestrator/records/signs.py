"""Signs of life: the slots that ranks renew while they run, and the clock of everything that crosses hosts."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

ALIVE_SLOT_BYTES = 64
"""Size of a rank's slot in the liveness file: JSON, padded with spaces and ended by a newline."""


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
        content = path.read_bytes()
    except OSError:
        return {}
    slots = {}
    for rank in range(len(content) // ALIVE_SLOT_BYTES):
        raw = content[rank * ALIVE_SLOT_BYTES : (rank + 1) * ALIVE_SLOT_BYTES]
        try:
            written, pid, phase, step, waiting = json.loads(raw)
        except ValueError:
            continue
        slots[rank] = AliveSlot(rank, written, pid, phase, step, bool(waiting))
    return slots


def alive_period(ranks: int) -> float:
    """Seconds between two liveness writes of a rank: at most some hundred writes a second over the whole job."""
    return max(1.0, ranks / 256)


def now() -> float:
    """Seconds since the epoch: the clock of everything that crosses hosts."""
    return time.time()
