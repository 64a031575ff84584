"""A communicator for tests that need no second rank."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workloads.runtime.communicators import Communicator, join
from workloads.runtime.communicators.rendezvous import free_port


@pytest.fixture(scope="module")
def alone() -> Iterator[Communicator]:
    """A rank that is the only one, in this process."""
    place = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.items():
            patch.setenv(name, value)
        communicator = join("torch")
    # No process that a test starts is to take these variables for its own.
    with communicator:
        yield communicator
