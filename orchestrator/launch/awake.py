"""A clock that stands still while its process does: suspended with its job, by gang scheduling or an operator."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

LATE_SECONDS = 5.0
"""A look that comes so much later than the one before comes from a process that was stopped meanwhile."""


@dataclass
class AwakeClock:
    """Seconds, as of ``time.monotonic``, without those in which nobody looked for longer than LATE_SECONDS.

    Slurm does not count suspended time against a job's limit either.
    """

    clock: Callable[[], float] = time.monotonic
    asleep_s: float = 0.0
    looked: float | None = field(default=None, repr=False)

    def now(self) -> float:
        """Return the time. It has to be asked for often: what lies between two looks far apart does not count."""
        moment = self.clock()
        if self.looked is not None and moment - self.looked > LATE_SECONDS:
            self.asleep_s += moment - self.looked
        self.looked = moment
        return moment - self.asleep_s
