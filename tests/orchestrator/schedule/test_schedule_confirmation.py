"""A sweep in which something looks slower is run again before anyone is told: SYNTHETIC sweeps in a real store."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from commands import PROJECT
from schedules import WEEK, put_sweep, schedule_in

from orchestrator.schedule import confirmation
from orchestrator.schedule.confirmation import confirm_sweep
from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.execution import Execution, Interruption
from orchestrator.schedule.log import Log
from orchestrator.schedule.observation import sweep_of
from orchestrator.schedule.sweep import Start, start_sweep
from orchestrator.schedule.timing import local_zone
from orchestrator.store.store import Store

SLOWER, NORMAL = 900.0, 1000.0

PROGRAM = f"""#!{sys.executable}
# In place of the orchestrator: puts the runs of a campaign into the store, as fast as speeds says.
import sys, time
from pathlib import Path
sys.path[:0] = [{str(PROJECT)!r}, {str(PROJECT / "tests")!r}]
from orchestrator.store.store import Store
from schedules import put_sweep
campaign = next(word.partition("=")[2] for word in sys.argv if word.startswith("campaign="))
here = Path(__file__).parent
first, again = map(float, (here / "speeds").read_text().split())
speed = again if campaign.endswith("-confirm") else first
put_sweep(Store((here / "store").read_text()), "x", time.time(), speed, 99, campaign=campaign)
with (here / "ran").open("a") as file:
    file.write(campaign + "\\n")
"""


@pytest.fixture
def schedule(tmp_path: Path) -> Iterator[Schedule]:
    """A schedule of eight earlier weeks whose sweeps take no time."""
    program = tmp_path / "python"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    made = schedule_in(tmp_path, python=str(program))
    made.write()
    (tmp_path / "store").write_text(made.store)
    for week in range(8, 0, -1):
        put_sweep(Store(made.store), made.name, time.time() - week * WEEK, NORMAL, week)
    yield made


def campaigns_of(schedule: Schedule, first: float, again: float) -> tuple[list[str], list[str]]:
    """The campaigns of a sweep, and the kinds of its news, where it and its repetition are that fast."""
    folder = Path(schedule.directory)
    (folder / "speeds").write_text(f"{first} {again}")
    (folder / "ran").unlink(missing_ok=True)
    outcome = start_sweep(schedule.folder, Start(now=True, quiet=True))
    assert outcome.sweep and outcome.log
    ran = [name.removeprefix(outcome.sweep) for name in (folder / "ran").read_text().split()]
    return ran, [item.kind for item in outcome.news]


def test_a_sweep_that_was_disturbed_is_repeated_and_no_news(schedule: Schedule) -> None:
    assert campaigns_of(schedule, SLOWER, NORMAL) == (["", "-confirm"], [])


def test_what_is_slower_twice_is_told_with_all_repeats_and_later_not_repeated_again(schedule: Schedule) -> None:
    ran, kinds = campaigns_of(schedule, SLOWER, SLOWER)
    assert (ran, kinds) == (["", "-confirm"], ["new", "new"])
    log = next((schedule.folder / "log").glob("2*.log")).read_text()
    assert "looks slower: throughput of stemdl" in log and "n = 10 against 40 in 8 earlier sweeps" in log
    time.sleep(1.1)
    assert campaigns_of(schedule, SLOWER, SLOWER) == ([""], [])


def test_nothing_is_repeated_where_nothing_looks_slower_or_no_time_is_left(schedule: Schedule) -> None:
    sweep = put_sweep(Store(schedule.store), schedule.name, time.time(), SLOWER, 99)
    with Log(schedule, datetime.now(local_zone()), quiet=True) as log:
        long = Execution(0, None, 60 * 0.5 * schedule.settings["time_limit_min"])
        assert confirm_sweep(schedule, sweep, long, Interruption(), log) is long
        schedule.settings["confirm"] = False
        short = Execution(0, None, 1.0)
        assert confirm_sweep(schedule, sweep, short, Interruption(), log) is short
        schedule.settings["confirm"] = True
        faster = put_sweep(Store(schedule.store), schedule.name, time.time() + 2, 1.1 * NORMAL, 98)
        assert confirm_sweep(schedule, faster, short, Interruption(), log) is short
    assert "not repeated: it took 21600 s, and 21600 s are left" in log.path.read_text()


def test_a_repetition_that_breaks_off_gives_its_last_words(schedule: Schedule, monkeypatch: pytest.MonkeyPatch) -> None:
    second = Execution(1, None, 2.0, None, "ValueError: no number")
    monkeypatch.setattr(confirmation, "run_sweep_process", lambda *_: second)
    sweep = put_sweep(Store(schedule.store), schedule.name, time.time(), SLOWER, 99)
    with Log(schedule, datetime.now(local_zone()), quiet=True) as log:
        found = confirm_sweep(schedule, sweep, Execution(0, {}, 3.0), Interruption(), log)
        assert found == replace(second, seconds=5.0)
        failed = Execution(5, {"checks": []}, 3.0)
        assert confirm_sweep(schedule, sweep, failed, Interruption(), log) == replace(failed, seconds=5.0)


def test_a_repetition_is_part_of_its_sweep() -> None:
    name = "weekly-local-20260802-020000"
    assert sweep_of("weekly-local", f"{name}-confirm") == sweep_of("weekly-local", f"{name}-confirm-02-speed") == name
