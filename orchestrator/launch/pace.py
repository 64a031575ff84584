"""How often the scheduler is asked: seldom enough not to burden it, often enough for its news to be new."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

GROWTH = 1.5
JITTER = 0.25
FAILURE_GROWTH = 2.0


@dataclass
class Pace:
    """Tells when the next query is due, s. The interval grows from ``shortest`` to ``longest`` while nothing changes,
    faster while queries fail, and each is up to a quarter shorter or longer, so that many orchestrators do not ask at
    once.
    """

    shortest: float
    longest: float
    clock: Callable[[], float] = time.monotonic
    interval: float = 0.0
    due: float = 0.0
    failing_since: float | None = None
    random: random.Random = field(default_factory=random.Random)

    def is_due(self) -> bool:
        """Whether to ask now."""
        return self.clock() >= self.due

    def hurry(self) -> None:
        """Something has changed: ask again soon, though not sooner than the shortest interval after the last time."""
        self.interval = self.shortest
        self.due = min(self.due, self.clock() + self.shortest)

    def answered(self, news: bool) -> None:
        """The query was answered, with news or without."""
        self.failing_since = None
        self.interval = self.shortest if news or not self.interval else min(self.longest, self.interval * GROWTH)
        self.next()

    def failed(self) -> None:
        """It was not."""
        if self.failing_since is None:
            self.failing_since = self.clock()
        self.interval = min(self.longest, max(self.shortest, self.interval) * FAILURE_GROWTH)
        self.next()

    def next(self) -> None:
        """Set the time of the next query."""
        self.due = self.clock() + self.interval * self.random.uniform(1 - JITTER, 1 + JITTER)

    @property
    def failing_for(self) -> float:
        """Seconds since the first of the queries that failed in a row."""
        return 0.0 if self.failing_since is None else self.clock() - self.failing_since
