"""When a sweep is due, said the same by cron, by systemd and by this program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from orchestrator.errors import UsageError
from orchestrator.schedule.due import Due, Slot, decide_due
from orchestrator.schedule.timing import Timing, later

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("0 25 * * SUN", "the hour '25'"),
        ("60 2 * * SUN", "the minute '60'"),
        ("0 2 0 * *", "the day of month '0'"),
        ("0 2 * 13 *", "the month '13'"),
        ("0 2 * * SUM", "the day of week 'SUM'"),
        ("0 2 * * 5L", "the day of week '5L'"),
        ("5/15 * * * *", "the minute '5/15'"),
        ("0 2 * *", "has 4 fields"),
        ("", "has 0 fields"),
        ("0 2 30 2 *", "never comes"),
    ],
)
def test_a_wrong_expression_is_refused_and_its_field_named(expression: str, named: str) -> None:
    with pytest.raises(UsageError, match=re.escape(named)):
        Timing(expression)


def test_crontabs_get_numbers_alone() -> None:
    assert Timing("0 2 * jan,JUN mon-FRI").plain == "0 2 * 1,6 1,2,3,4,5"
    assert Timing("*/15 1-3 1 * 7").plain == "*/15 1,2,3 1 * 0"
    assert Timing("@weekly").plain == "0 0 * * 0"


EXPRESSIONS = ["0 2 * * SUN", "*/15 * * * *", "30 1,13 1 * *", "0 0 13 * FRI", "5 4 */2 3-5 MON-FRI", "59 23 31 12 *"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here (Debian: apt install systemd)")
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_systemd_starts_at_the_same_moments_as_cron(expression: str) -> None:
    timing = Timing(expression)
    begin = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
    found = set()
    for calendar in timing.calendar():
        answer = subprocess.run(
            ["systemd-analyze", "calendar", "--base-time=2026-11-24 12:30:00", "--iterations=12", calendar],
            capture_output=True, text=True, check=True, env={**os.environ, "TZ": "UTC"},
        )  # fmt: skip
        found |= set(re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC", answer.stdout))
    ours = [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in islice(timing.after(begin), 8)]
    assert ours == sorted(found)[: len(ours)]


def test_clocks_that_skip_the_hour_are_foretold() -> None:
    (forward, back) = Timing("0 2 * * SUN").clock_changes(datetime(2026, 11, 24, tzinfo=BERLIN))
    assert "2027-03-28 02:00 does not exist" in forward and "not at all" in forward
    assert "2027-10-31 02:00 comes twice" in back
    assert Timing("0 4 * * SUN").clock_changes(datetime(2026, 11, 24, tzinfo=BERLIN)) == []


def decide(last: Slot | None, moment: datetime, catch_up: bool = True, asked: bool = False, weeks_ago: int = 5) -> Due:
    return decide_due(
        Timing("0 2 * * SUN"), last, SUNDAY - weeks_ago * timedelta(weeks=1), moment, catch_up, HOUR, asked
    )  # fmt: skip


def test_a_moment_that_has_come_is_run_once() -> None:
    first = decide(Slot(SUNDAY - timedelta(weeks=1), 1, True), SUNDAY + timedelta(seconds=1))
    assert (first.moment, first.reason, first.missed) == (SUNDAY, None, 0)
    again = decide(Slot(SUNDAY, 1, True), SUNDAY + timedelta(minutes=3))
    assert again.reason is not None and "run already" in again.reason


def test_weeks_of_downtime_are_made_up_for_once() -> None:
    found = decide(Slot(SUNDAY - timedelta(weeks=4), 1, True), SUNDAY + 40 * HOUR, asked=True)
    assert (found.moment, found.reason, found.missed) == (SUNDAY, None, 3)
    assert decide(Slot(SUNDAY, 1, True), SUNDAY + 41 * HOUR, asked=True).reason


def test_without_catch_up_a_late_sweep_is_left_out_and_a_slow_start_is_not() -> None:
    last = Slot(SUNDAY - timedelta(weeks=1), 1, True)
    late = decide(last, SUNDAY + 40 * HOUR, catch_up=False)
    assert late.reason is not None and "was missed, and catch_up=false" in late.reason
    assert decide(last, SUNDAY + HOUR / 2, catch_up=False).reason is None


def test_a_clock_that_is_ahead_does_not_lose_the_week() -> None:
    last = Slot(SUNDAY - timedelta(weeks=1), 1, True)
    assert decide(last, SUNDAY - timedelta(seconds=5)).moment == SUNDAY


def test_a_sweep_that_ended_with_the_machine_is_run_again_but_not_for_ever() -> None:
    again = decide(Slot(SUNDAY, 1, False), SUNDAY + 3 * HOUR, asked=True)
    assert (again.reason, again.tries) == (None, 2)
    assert decide(Slot(SUNDAY, 2, False), SUNDAY + 4 * HOUR, asked=True).reason


def test_a_machine_that_starts_before_the_first_moment_has_missed_nothing() -> None:
    assert decide(None, SUNDAY + 40 * HOUR, asked=True, weeks_ago=0).reason is None
    found = decide_due(Timing("0 2 * * SUN"), None, SUNDAY + HOUR, SUNDAY + 2 * HOUR, True, HOUR, True)
    assert found.reason == "nothing was missed"


def test_a_clock_that_was_ahead_once_stops_no_sweep() -> None:
    ahead = Slot(SUNDAY + timedelta(weeks=26), 1, True)
    found = decide(ahead, SUNDAY + timedelta(seconds=1))
    assert (found.moment, found.reason, found.missed) == (SUNDAY, None, 0)
    assert found.clock is not None and "a sweep was run for 2027-05-30 02:00, and it is 2026-11-29 02:00" in found.clock
    assert decide(Slot(SUNDAY, 1, True), SUNDAY - timedelta(seconds=5)).clock is None, "half a minute is no fault"


@pytest.mark.parametrize("catch_up", [True, False])
def test_all_moments_of_the_hour_that_clocks_repeat_are_run(catch_up: bool) -> None:
    timing, begin = Timing("*/30 * * * *"), datetime(2026, 10, 25, 1, 0, tzinfo=BERLIN).timestamp()
    last, ran = Slot(datetime.fromtimestamp(begin - 1800, BERLIN), 1, True), []
    for number in range(8):
        now = datetime.fromtimestamp(begin + 1800 * number + 1, BERLIN)
        found = decide_due(timing, last, datetime.fromtimestamp(begin - 86400, BERLIN), now, catch_up, HOUR / 4)
        assert (found.reason, found.missed, found.clock) == (None, 0, None)
        last = Slot(found.moment, 1, True)
        ran.append(f"{found.moment:%H:%M%z}")
    assert ran[2:6] == ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]


def test_a_fixed_moment_that_comes_twice_is_run_the_first_time() -> None:
    timing, begin = Timing("30 2 * * *"), datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    last = Slot(begin, 1, True)
    again = decide_due(timing, last, begin - timedelta(days=9), later(begin, HOUR), True, HOUR)
    assert again.reason is not None and "run already" in again.reason
