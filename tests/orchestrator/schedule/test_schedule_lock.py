"""One sweep at a time, and no lock outlives its sweep."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.records import write_json
from orchestrator.schedule.lock import Locked, hold_lock, holder_of, this_process

HOLD = """
import sys, time
from pathlib import Path
from orchestrator.schedule.lock import hold_lock
with hold_lock(Path(sys.argv[1]), "other", 3600, 0, print):
    print("held", flush=True)
    time.sleep(60)
"""


def silent(text: str) -> None:
    pass


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock.json")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_sweep_that_runs_keeps_others_out_and_is_named(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    with (
        pytest.raises(Locked, match=f"other \\(process {other.pid} on "),
        hold_lock(tmp_path / "lock.json", "me", 60, 0, silent),
    ):
        pass
    holder = holder_of(tmp_path / "lock.json")
    assert holder is not None and holder.pid == other.pid


def test_who_waits_gets_the_lock_when_its_holder_dies(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    said: list[str] = []
    other.send_signal(signal.SIGKILL)
    other.wait()
    with hold_lock(tmp_path / "lock.json", "me", 60, 5, said.append):
        holder = holder_of(tmp_path / "lock.json")
        assert holder is not None and holder.name == "me"
    assert "which is no more; taken over" in said[-1]
    assert not (tmp_path / "lock.json").exists()


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        ({}, False),
        ({"birth": 1.0}, True),  # the number of a process that is gone was given to another
        ({"boot": "earlier"}, True),  # the machine was started anew
        ({"host": "elsewhere"}, False),  # nothing can be known of it
        ({"host": "elsewhere", "until": 1.0}, False),  # and another host's clock does not tell
        ({"host": "elsewhere", "locked": True}, True),  # but the system has released its lock
        ({"locked": True}, True),  # as of a process of that number in another container
    ],
)
def test_a_lock_is_stale_only_if_its_holder_cannot_live(tmp_path: Path, change: dict[str, Any], stale: bool) -> None:
    parent = this_process("parent", 3600)
    path = tmp_path / "lock.json"
    write_json(path, asdict(replace(parent, **change)))
    took = False
    try:
        with hold_lock(path, "me", 60, 0, silent):
            took = True
    except Locked:
        pass
    assert took == stale


def test_of_many_at_once_one_at_a_time_holds_it(tmp_path: Path) -> None:
    script = """
import os, sys, time
from pathlib import Path
from orchestrator.schedule.lock import hold_lock
folder = Path(sys.argv[1])
with hold_lock(folder / "lock.json", "x", 60, 60, lambda text: None):
    mark = folder / "inside"
    mark.touch(exist_ok=False)
    time.sleep(0.05)
    mark.unlink()
"""
    started = time.monotonic()
    children = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(5)]
    assert [child.wait(60) for child in children] == [0] * 5
    assert time.monotonic() - started < 60 and [path.name for path in tmp_path.iterdir()] == ["lock.guard"]
