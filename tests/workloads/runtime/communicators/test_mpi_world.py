"""A rank's first message meets no other rank that is still in MPI_Init."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import pytest

from workloads.runtime.communicators import mpi_world


@pytest.mark.parametrize(("size", "waits"), [(1, []), (2, [mpi_world.SETTLING_S])])
def test_ranks_wait_once_between_mpis_beginning_and_their_first_message(
    size: int, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The race is Open MPI's own, and too rare to be provoked.
    library, slept = SimpleNamespace(COMM_WORLD=SimpleNamespace(size=size)), list[float]()
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=library))
    monkeypatch.setattr(time, "sleep", slept.append)
    mpi_world.join_world.cache_clear()
    try:
        assert mpi_world.join_world() is mpi_world.join_world() is library.COMM_WORLD
    finally:
        mpi_world.join_world.cache_clear()
    assert slept == waits
