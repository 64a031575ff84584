"""A job that is suspended is nobody's silence, and does not use up its time."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.launch.awake import AwakeClock
from orchestrator.launch.watchdog import Watchdog
from orchestrator.records import AttemptDirectory, write_json


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def beat(attempt: AttemptDirectory, step: int) -> None:
    write_json(attempt.heartbeat, {
        "time": 0.0, "started": 0.0, "phase": "train", "epoch": 0, "epochs": 1, "step": step, "steps_per_epoch": 9,
        "samples_per_s": 0.0, "metric": "m", "quality": None, "target": None, "progress": step, "elapsed_s": 0.0,
        "redone_s": 0.0, "first_step": 0,
    })  # fmt: skip


def looks(watchdog: Watchdog, time: Time, seconds: float) -> float | None:
    """Look twice a second, as the supervisor does, until somebody is silent or the seconds are over."""
    end = time.now + seconds
    while time.now < end:
        time.now += 0.5
        silence = watchdog.silence()
        if silence is not None:
            return silence
    return None


def test_time_in_which_the_watcher_itself_was_stopped_is_nobodys_silence(tmp_path: Path) -> None:
    time, attempt = Time(), AttemptDirectory(tmp_path)
    watchdog = Watchdog(attempt, 15, 300, AwakeClock(time))
    beat(attempt, 1)
    assert looks(watchdog, time, 14) is None
    time.now += 3600
    assert looks(watchdog, time, 14) is None, "the ranks have all of their time again"
    silence = looks(watchdog, time, 14)
    assert silence is not None and 15 < silence < 16, "and no more than that"


def test_ranks_that_hang_are_found_as_ever(tmp_path: Path) -> None:
    time, attempt = Time(), AttemptDirectory(tmp_path)
    watchdog = Watchdog(attempt, 15, 300, AwakeClock(time))
    for step in range(1, 5):
        beat(attempt, step)
        assert looks(watchdog, time, 10) is None
    assert looks(watchdog, time, 20) is not None


def test_the_clock_of_a_time_limit_stands_still_while_its_process_does() -> None:
    time = Time()
    clock = AwakeClock(time)
    began = clock.now()
    for pause in (1, 2, 600, 1, 4.9, 5.1):
        time.now += pause
        clock.now()
    assert clock.now() - began == pytest.approx(1 + 2 + 1 + 4.9) and clock.asleep_s == pytest.approx(605.1)
