"""How often a campaign is looked at."""

from __future__ import annotations

import pytest

from orchestrator.launch.pace import Looks


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


def test_looking_at_many_runs_takes_a_twentieth_of_a_core_and_at_few_runs_the_interval_holds() -> None:
    assert rests([0.001, 0.001, 0.02]) == [0.5, 0.5, 0.5]
    *_, rest = rests([1.1, 1.1])
    assert 1.1 / (1.1 + rest) == pytest.approx(0.05)


def test_what_a_process_does_once_in_its_first_look_lengthens_no_rest() -> None:
    assert rests([0.8, 0.001]) == [0.5, 0.5]
