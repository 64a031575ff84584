"""The epochs that compared throughputs are of: the same for all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Epochs = Literal["warm", "all"]
"""Warm ones alone where every compared run has some, since a first epoch is slower by what it prepares; else all, which
are whole runs.
"""


def common_epochs(warm: Iterable[float | None]) -> Epochs:
    """Return the epochs by which runs are compared, from the throughput of each timed run's warm ones, which it may not
    have.
    """
    return "warm" if all(warm) else "all"
