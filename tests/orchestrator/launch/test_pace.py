"""How often a campaign is looked at."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from orchestrator.launch.pace import Looks, rest


def rests(looks_s: list[float]) -> list[float]:
    """The rest after each of some looks that take so long of a processor; the interval is 0.5 s."""
    moment = 0.0
    looks = Looks(0.5, lambda: moment)
    found = []
    for seconds in looks_s:
        looks.begin()
        with looks.counted():
            moment += seconds
        found.append(looks.rest)
    return found


def test_looking_at_many_runs_takes_a_twenty_fifth_of_a_core_and_at_few_runs_the_interval_holds() -> None:
    assert rests([0.001, 0.001, 0.02]) == [0.5, 0.5, 0.5]
    *_, rest = rests([1.1, 1.1])
    assert 1.1 / (1.1 + rest) == pytest.approx(0.04)


def test_what_a_process_does_once_in_its_first_look_lengthens_no_rest() -> None:
    assert rests([0.8, 0.001]) == [0.5, 0.5]


def test_a_rest_ends_when_an_awaited_file_appears_and_lasts_without(tmp_path: Path) -> None:
    begun = time.monotonic()
    threading.Timer(0.1, (tmp_path / "there").touch).start()
    rest(60, [tmp_path / "elsewhere", tmp_path / "there"])
    assert time.monotonic() - begun < 30
    begun = time.monotonic()
    rest(0.12, [tmp_path / "elsewhere"])
    rest(0.12)
    assert time.monotonic() - begun >= 0.24
