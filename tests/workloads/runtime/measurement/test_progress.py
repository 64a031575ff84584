"""Signs of life tell whether their process stood still."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.records import AttemptDirectory
from workloads.runtime.measurement.progress import Progress, SignsOfLife


class SlowlyWritten(SignsOfLife):
    """Whose signs take longer to write than a wait may be late."""

    def write(self) -> None:
        time.sleep(0.6)
        super().write()


def compute() -> None:
    """Keep Python's lock for a while, in one call."""
    sum(range(30_000_000))


def wait_for_a_disk() -> None:
    """The same, without computing."""
    ctypes.PyDLL(None).usleep(600_000)


@pytest.mark.parametrize("keep", [compute, wait_for_a_disk])
def test_a_call_that_keeps_pythons_lock_is_no_standstill(keep: Callable[[], None], tmp_path: Path) -> None:
    attempt = AttemptDirectory(tmp_path / "attempt-1")
    attempt.path.mkdir()
    progress = Progress()
    signs = SignsOfLife(attempt, progress, rank=1, ranks=2)
    signs.clock_s, signs.late_s = 0.02, 0.1
    signs.start()
    began = time.monotonic()
    keep()
    assert time.monotonic() - began > 0.15, "the call is long enough for this machine"
    time.sleep(0.1)
    signs.stop()
    assert progress.stood_still_s == 0.0


def test_a_process_that_runs_for_a_part_of_the_time_does_not_stand_still(tmp_path: Path) -> None:
    told = tmp_path / "told"
    attempt = AttemptDirectory(tmp_path / "attempt-1")
    attempt.path.mkdir()
    child = os.fork()
    if child == 0:
        progress = Progress()
        signs = SignsOfLife(attempt, progress, rank=1, ranks=2)
        signs.clock_s, signs.late_s = 0.05, 0.4
        signs.start()
        for _ in range(2):
            compute()
        told.write_text(f"{progress.stood_still_s}")
        os._exit(0)
    # As a node at a fifth of its speed: the lock is kept for longer than a wait may be late.
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        os.kill(child, signal.SIGSTOP)
        time.sleep(0.08)
        os.kill(child, signal.SIGCONT)
        time.sleep(0.02)
    assert float(told.read_text()) == 0.0


@pytest.mark.parametrize("signs_of_life", [SignsOfLife, SlowlyWritten])
def test_time_in_which_a_rank_stood_still_is_counted_and_a_slow_disk_is_not(
    signs_of_life: type[SignsOfLife], tmp_path: Path
) -> None:
    attempt = AttemptDirectory(tmp_path / "attempt-1")
    attempt.path.mkdir()
    child = os.fork()
    if child == 0:
        progress = Progress()
        signs = signs_of_life(attempt, progress, rank=1, ranks=2)
        signs.period, signs.clock_s, signs.late_s = 0.05, 0.05, 0.4
        signs.start()
        time.sleep(0.3)
        before = progress.stood_still_s
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.3)
        (tmp_path / "told").write_text(f"{before} {progress.stood_still_s}")
        os._exit(0)
    os.waitpid(child, os.WUNTRACED)
    time.sleep(1.0)
    os.kill(child, signal.SIGCONT)
    os.waitpid(child, 0)
    before, after = map(float, (tmp_path / "told").read_text().split())
    assert before == 0.0 and 0.8 < after < 3
