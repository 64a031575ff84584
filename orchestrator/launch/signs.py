"""When each rank's newest sign of life was first seen, by the clock of whoever looks.

A sign carries a stamp of its own host's clock. It is compared with the one before it and with nothing else: a stamp
that has changed is a new sign, whatever time it tells.
"""

from __future__ import annotations

import time
from pathlib import Path

from orchestrator.records import AliveSlot, read_alive


class SeenSigns:
    """The signs of one attempt's ranks, as this process has seen them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.began: float | None = None
        """When this process first looked, by its monotonic clock."""
        self.slots: dict[int, AliveSlot] = {}
        self.changed: dict[int, float | None] = {}
        """When each rank's newest sign was first seen; None for one that was there before anybody looked."""

    def look(self) -> None:
        """See which ranks have given a new sign."""
        moment = time.monotonic()
        for rank, slot in read_alive(self.path).items():
            before = self.slots.get(rank)
            if before is None:
                self.changed[rank] = None if self.began is None else moment
            elif slot.written != before.written:
                self.changed[rank] = moment
            self.slots[rank] = slot
        self.began = moment if self.began is None else self.began

    def ages(self) -> dict[int, float]:
        """Seconds since each rank's newest sign was first seen; since the first look for older ones, which is the least
        that they may be.
        """
        moment, began = time.monotonic(), self.began or time.monotonic()
        return {rank: moment - (began if seen is None else seen) for rank, seen in self.changed.items()}

    def seen_alive(self, patience: float) -> int:
        """Return how many ranks gave a new sign within the last ``patience`` seconds, while this process looked."""
        ages = self.ages()
        return sum(seen is not None and ages[rank] <= patience for rank, seen in self.changed.items())

    def unknown(self, patience: float) -> int:
        """Return how many ranks may still turn out alive: their newest sign was there at the first look, at most
        ``patience`` seconds ago.
        """
        ages = self.ages()
        return sum(seen is None and ages[rank] <= patience for rank, seen in self.changed.items())
