"""Clocks of hosts differ: a host's stamps are compared with its own, and a duration that cannot be is none."""

from __future__ import annotations

import time
from functools import partial
from operator import add
from pathlib import Path

import numpy as np
import pytest

from orchestrator.campaign.collect import phase_seconds
from orchestrator.campaign.state import ranks_alive
from orchestrator.records import ALIVE_SLOT_BYTES, AliveSlot, AttemptDirectory
from workloads.runtime.measurement.progress import process_start


def give_sign(attempt: AttemptDirectory, rank: int, stamp: float) -> None:
    attempt.path.mkdir(exist_ok=True)
    content = bytearray(attempt.alive.read_bytes()) if attempt.alive.exists() else bytearray()
    content = content.ljust((rank + 1) * ALIVE_SLOT_BYTES, b"\0")
    slot = AliveSlot(rank, stamp, 1, "train", 1, False)
    content[rank * ALIVE_SLOT_BYTES : (rank + 1) * ALIVE_SLOT_BYTES] = slot.encode()
    attempt.alive.write_bytes(content)


@pytest.mark.parametrize("behind", [30.0, 3600.0, -3600.0])
def test_a_rank_on_a_node_with_another_clock_is_alive(
    behind: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = AttemptDirectory(tmp_path / "attempt-1")
    moment = time.monotonic()
    for second in range(20):
        monkeypatch.setattr(time, "monotonic", partial(add, moment, second))
        give_sign(attempt, 0, time.time() + second)
        give_sign(attempt, 1, time.time() + second - behind)
        found = ranks_alive(attempt, 2)
    assert found == 2


def test_a_rank_that_falls_silent_is_not_alive_whatever_its_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = AttemptDirectory(tmp_path / "attempt-1")
    moment = time.monotonic()
    give_sign(attempt, 1, time.time() + 90)
    for second in range(20):
        monkeypatch.setattr(time, "monotonic", partial(add, moment, second))
        give_sign(attempt, 0, time.time() + second)
        found = ranks_alive(attempt, 2)
    assert found == 1


def test_a_duration_that_cannot_be_is_none() -> None:
    """A clock that was set in mid-run: an import of 1,795,660,369 s, a training that ended before it began."""
    content = {
        "phase/name": np.array([b"import", b"train", b"evaluate"]),
        "phase/start": np.array([[0.0, 110.0, 50.0], [1.0, 10.0, 50.0]]),
        "phase/stop": np.array([[1_795_660_369.0, 100.0, 52.0], [1_795_660_370.0, 40.0, 53.0]]),
    }
    found = {entry["name"]: entry["seconds"] for entry in phase_seconds(content, limit=7200.0)}
    assert found == {"train": 30.0, "evaluate": 3.0}


def test_a_process_under_a_faked_clock_begins_now_and_not_at_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < time.time() - process_start() < 24 * 3600
    monkeypatch.setattr(time, "clock_gettime", lambda clock: 1_795_660_369.0)
    assert abs(time.time() - process_start()) < 5
