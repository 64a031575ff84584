"""The clock of everything that a rank times: seconds since the epoch, which nobody can set while it counts."""

from __future__ import annotations

import time

BEGUN = time.time() - time.monotonic()
"""The wall clock is read once: whoever sets it later, a duration stays what it was."""


def moment() -> float:
    """Now, in seconds since the epoch. Two moments of one process are as far apart as its monotonic clock says; those
    of two hosts are not to be compared.
    """
    return BEGUN + time.monotonic()
