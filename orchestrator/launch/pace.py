"""The intervals between queries to the scheduler, and between looks at all runs: long enough to burden neither it nor
the login node, short enough for fresh news.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

GROWTH = 1.5
JITTER = 0.25
FAILURE_GROWTH = 2.0
GLANCE_SECONDS = 0.05
"""Interval between glances at files that are awaited."""
REST = 24.0
"""Times that a look at all runs takes of a processor, for which none follows: looking takes a twenty-fifth of a core,
and with the queries a twentieth.
"""


@dataclass
class Pace:
    """Tells when the next query is due.

    The interval, s, grows from ``shortest`` to ``longest`` while nothing changes, and faster while queries fail. Each
    interval varies by up to a quarter, so that many orchestrators do not query at the same time.
    """

    shortest: float
    longest: float
    clock: Callable[[], float] = time.monotonic
    interval: float = 0.0
    due: float = 0.0
    failing_since: float | None = None
    random: random.Random = field(default_factory=random.Random)

    def is_due(self) -> bool:
        """Whether a query is due now."""
        return self.clock() >= self.due

    def hurry(self) -> None:
        """Note a change: the next query comes soon, but not before the shortest interval."""
        self.interval = self.shortest
        self.due = min(self.due, self.clock() + self.shortest)

    def answered(self, news: bool) -> None:
        """Note an answered query, with or without news."""
        self.failing_since = None
        self.interval = self.shortest if news or not self.interval else min(self.longest, self.interval * GROWTH)
        self.next()

    def failed(self) -> None:
        """Note a query that was not answered."""
        if self.failing_since is None:
            self.failing_since = self.clock()
        self.interval = min(self.longest, max(self.shortest, self.interval) * FAILURE_GROWTH)
        self.next()

    def next(self) -> None:
        """Set the time of the next query."""
        self.due = self.clock() + self.interval * self.random.uniform(1 - JITTER, 1 + JITTER)

    @property
    def failing_for(self) -> float:
        """Return the seconds since the first of the consecutive failed queries."""
        return 0.0 if self.failing_since is None else self.clock() - self.failing_since


@dataclass
class Looks:
    """Tells how long to rest after a look at all runs: ``shortest``, s, or longer where there are so many runs that
    looking takes long. Of two looks the quicker one counts: the first of a process imports what it needs.
    """

    shortest: float
    clock: Callable[[], float] = time.process_time
    last: float = 0.0
    used: float = 0.0

    def begin(self) -> None:
        """Begin a look."""
        self.last, self.used = self.used, 0.0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what is done within the context to the look."""
        begun = self.clock()
        yield
        self.used += self.clock() - begun

    @property
    def rest(self) -> float:
        """Return the seconds until the next look."""
        return max(self.shortest, REST * min(self.last, self.used))


def rest(seconds: float, awaited: Sequence[Path] = ()) -> None:
    """Sleep so long, or until one of the awaited files is there."""
    due = time.monotonic() + seconds
    while (left := due - time.monotonic()) > 0 and not any(path.exists() for path in awaited):
        time.sleep(min(left, GLANCE_SECONDS) if awaited else left)
