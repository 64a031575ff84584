"""Joins MPI's world."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mpi4py import MPI

SETTLING_S = 0.05
"""How long a rank waits from the end of MPI_Init to its first message, s.

Open MPI 5 releases all ranks from MPI_Init by a fence, and takes messages of the world only after it. A rank that is
released some milliseconds before another, and sends at once, crashes that one (pull request 13559 of open-mpi/ompi).
"""


@cache
def join_world() -> MPI.Intracomm:
    """All ranks that the launcher started, none of which is still in MPI_Init."""
    from mpi4py import MPI

    if MPI.COMM_WORLD.size > 1:
        time.sleep(SETTLING_S)
    return MPI.COMM_WORLD
