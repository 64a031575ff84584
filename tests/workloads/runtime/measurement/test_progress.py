"""Signs of life tell whether their process stood still."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from orchestrator.records import AttemptDirectory
from workloads.runtime.measurement.progress import Progress, SignsOfLife


def test_time_in_which_a_rank_stood_still_is_counted_and_other_time_is_not(tmp_path: Path) -> None:
    attempt = AttemptDirectory(tmp_path / "attempt-1")
    attempt.path.mkdir()
    child = os.fork()
    if child == 0:
        progress = Progress()
        signs = SignsOfLife(attempt, progress, rank=1, ranks=2)
        signs.period, signs.late_s = 0.05, 0.4
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


class Written(SignsOfLife):
    """Whose second sign takes a while to write, in which the work goes on by so many steps."""

    steps = 0

    def write(self) -> None:
        if self.thread.is_alive():
            time.sleep(0.3)
            self.progress.changes += self.steps
            self.stopped.set()
        super().write()


@pytest.mark.parametrize("steps", [0, 7])
def test_a_stop_while_a_sign_is_written_counts_and_a_slow_disk_does_not(steps: int, tmp_path: Path) -> None:
    attempt = AttemptDirectory(tmp_path / "attempt-1")
    attempt.path.mkdir()
    progress = Progress()
    signs = Written(attempt, progress, rank=1, ranks=2)
    signs.period, signs.late_s, signs.steps = 0.01, 0.2, steps
    signs.start()
    signs.thread.join()
    assert (progress.stood_still_s > 0.2) == (steps == 0)
