"""People hear of what changed, once: histories of SYNTHETIC sweeps in a real store, told to real servers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from schedules import WEEK, MailBox, Post, mail_server, put_sweep, schedule_in, webhook

from orchestrator.acceptance.entries import PhaseEntry
from orchestrator.analysis.history import key_of_run, series_id
from orchestrator.errors import EXIT_OK, EXIT_REFERENCE_MISSED, EXIT_USAGE
from orchestrator.schedule import sweep as sweeps
from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.execution import Execution
from orchestrator.schedule.log import Log
from orchestrator.schedule.memory import read_memory
from orchestrator.schedule.sweep import Outcome, tell_people
from orchestrator.schedule.timing import local_zone
from orchestrator.store.entries import BaseChange
from orchestrator.store.store import Store

SLOWER, NORMAL = 930.0, 1000.0


class Watch:
    """A schedule whose weeks pass as fast as its test wants."""

    def __init__(
        self, folder: Path, mail: MailBox, hook: Post, monkeypatch: pytest.MonkeyPatch, weeks_before: int
    ) -> None:
        from datetime import datetime

        smtp = {"host": mail.host, "port": mail.port}
        told = {
            "mail": {"to": ["watch@site.org"]},
            "smtp": smtp,
            "webhook": {"url": hook.url},
            "link": "https://site/h",
        }
        told |= {"attempts": 1, "timeout_s": 5}
        self.schedule: Schedule = schedule_in(folder, told)
        self.schedule.write()
        self.store = Store(self.schedule.store)
        self.mail, self.hook = mail, hook
        self.week = 0
        self.start = time.mktime((2026, 6, 7, 2, 0, 0, 0, 0, 0))
        monkeypatch.setattr(sweeps, "now", lambda: self.moment + 600)
        self.log = Log(self.schedule, datetime.now(local_zone()), quiet=True)
        for _ in range(weeks_before):
            self.put(NORMAL)

    @property
    def moment(self) -> float:
        return self.start + self.week * WEEK

    def put(self, samples_per_s: float, **changes: Any) -> str:
        self.week += 1
        return put_sweep(self.store, self.schedule.name, self.moment, samples_per_s, seed=self.week, **changes)

    def sweep(self, samples_per_s: float = NORMAL, code: int = 0, **changes: Any) -> Outcome:
        name = self.put(samples_per_s, **changes)
        return tell_people(self.schedule, name, Execution(code, {}, 600.0), self.moment, self.log)


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    with mail_server() as mail, webhook() as hook:
        yield Watch(tmp_path, mail, hook, monkeypatch, weeks_before=8)


def test_unchanged_weeks_are_silent(watch: Watch) -> None:
    for _ in range(4):
        outcome = watch.sweep()
        assert (outcome.code, outcome.news, outcome.troubles) == (EXIT_OK, [], [])
    assert watch.mail.mails == [] and watch.hook.bodies == []
    assert (watch.schedule.folder / "history" / "index.html").exists()


def test_a_slower_week_is_told_in_three_lines_and_the_next_one_like_it_is_not(watch: Watch) -> None:
    first = watch.sweep(SLOWER)
    assert first.code == EXIT_REFERENCE_MISSED
    (mail,) = watch.mail.mails
    (body,) = watch.hook.bodies
    line, also, about, link = mail.get_content().splitlines()[:4]
    assert re.match(r"throughput of stemdl small on .*: slower by [5-8] % .* in 8 earlier sweeps\)", line)
    assert also.startswith("also: throughput of stemdl small on ") and "10 of 10 runs completed" in about
    assert link == "https://site/h/index.html"
    assert line.replace("&", "&amp;") in body["text"]
    assert re.search(
        r"weekly of local: throughput of stemdl small on .*: slower by [5-8] % \(and 1 more\)$", mail["Subject"]
    )
    assert watch.sweep(SLOWER).news == []
    assert (len(watch.mail.mails), len(watch.hook.bodies)) == (1, 1)


def test_an_alarm_that_stays_is_told_again_after_some_weeks_and_not_taken_for_normal(watch: Watch) -> None:
    kinds = [{item.kind for item in watch.sweep(SLOWER).news} for _ in range(9)]
    assert kinds == [{"new"}, set(), set(), set(), {"still"}, set(), set(), set(), {"still"}]


def test_recovery_is_told_even_after_weeks_of_slowness(watch: Watch) -> None:
    for _ in range(6):
        watch.sweep(SLOWER)
    assert {item.kind for item in watch.sweep(NORMAL).news} == {"recovered"}
    assert "recovered" in watch.mail.mails[-1]["Subject"]
    assert watch.sweep(NORMAL).news == []


def test_a_change_that_stays_is_the_new_normal_in_the_end(watch: Watch) -> None:
    watch.schedule.settings["settle_weeks"] = 6
    kinds = [{item.kind for item in watch.sweep(SLOWER).news} for _ in range(9)]
    assert kinds == [{"new"}, set(), set(), set(), {"still"}, set(), {"settled"}, set(), set()]


def test_a_change_that_was_accepted_is_settled_and_says_by_whom(watch: Watch) -> None:
    for _ in range(3):
        watch.sweep(SLOWER)
    row = next(row for row in watch.store.history() if row["nodes"] == 2)
    change: BaseChange = {
        "series": series_id(key_of_run(row)), "metric": "throughput", "since": watch.moment - 2 * WEEK,
        "change": -0.07, "accepted": watch.moment + 3600, "accepted_by": "ann", "why": "new microcode",
    }  # fmt: skip
    watch.store.accept_changes([change])
    (item,) = watch.sweep(SLOWER).news
    assert item.kind == "settled" and "accepted by ann: new microcode" in item.text
    watch.sweep(0.9 * SLOWER)
    # On one node nobody accepted anything: there it has grown, and shrinks again.
    kinds = {"2 nodes" in item.text: item.kind for item in watch.sweep(SLOWER).news}
    assert kinds == {True: "recovered", False: "changed"}


def test_a_slow_down_that_grows_is_told_again(watch: Watch) -> None:
    watch.sweep(SLOWER)
    assert {item.kind for item in watch.sweep(850.0).news} == {"changed"}


def test_runs_that_fail_are_told_and_do_not_hide_behind_the_weeks_before(watch: Watch) -> None:
    outcome = watch.sweep(code=1, state="failed", cause="rank 0: no space left on device")
    assert {item.state for item in outcome.news} == {"failed"}
    assert "no space left on device" in watch.mail.mails[-1].get_content().splitlines()[0]
    assert watch.sweep(code=1, state="failed", cause="rank 0: no space left on device").news == []
    assert {item.kind for item in watch.sweep().news} == {"recovered"}


def test_what_fails_once_and_completes_once_in_a_sweep_has_failed(watch: Watch) -> None:
    watch.week += 1
    name = watch.schedule.name
    sweep = put_sweep(watch.store, name, watch.moment, NORMAL, seed=99, state="failed", cause="rank 0: gone")
    for record in watch.store.campaign(sweep):
        record.run |= {"campaign": f"{sweep}-02-performance", "state": "completed", "cause": None}
        watch.store.put(record)
    outcome = tell_people(watch.schedule, sweep, Execution(1, {}, 1.0), watch.moment, watch.log)
    assert {(item.kind, item.state) for item in outcome.news} == {("new", "failed")}


def test_checks_of_a_suite_that_fail_are_told_by_name(watch: Watch) -> None:
    check: Any = {
        "id": "performance/throughput/learning/n2", "outcome": "fail", "value": 930.0, "unit": "samples/s", "n": 5,
        "why": "",
    }  # fmt: skip
    execution = Execution(5, {"checks": [check]}, 1.0)
    outcome = tell_people(watch.schedule, watch.put(NORMAL), execution, watch.moment, watch.log)
    assert [item.text for item in outcome.news] == [f"check {check['id']} fails (930 samples/s, n = 5)"]


def test_a_sweep_that_could_not_run_is_told_with_its_last_words(watch: Watch) -> None:
    words = "comm=horovod needs horovod, which is not installed: run `python -m orchestrator setup` to build it."
    execution = Execution(EXIT_USAGE, None, 1.0, None, words)
    outcome = tell_people(watch.schedule, "weekly-local-20270101-020000", execution, watch.moment + WEEK, watch.log)
    assert outcome.code == EXIT_USAGE
    assert watch.mail.mails[-1].get_content().startswith(f"the sweep could not run: {words}")


def test_while_nobody_can_be_reached_nothing_is_lost_or_told_twice(watch: Watch) -> None:
    watch.hook.status = 500
    outcome = watch.sweep(SLOWER)
    assert outcome.code == EXIT_REFERENCE_MISSED and "waits in" in outcome.troubles[0]
    assert watch.store.count() == 90 and watch.hook.bodies == []
    watch.hook.status = 200
    assert watch.sweep(SLOWER).news == []
    assert len(watch.hook.bodies) == 1 and len(watch.mail.mails) == 1


def test_an_alarm_that_was_told_by_a_clock_that_was_ahead_is_told_again(watch: Watch) -> None:
    watch.sweep(SLOWER)
    memory = read_memory(watch.schedule.folder / "told.json")
    for key, alarm in memory.alarms.items():
        memory.alarms[key] = replace(alarm, since=alarm.since + 52 * WEEK, told=alarm.told + 52 * WEEK)
    memory.write(watch.schedule.folder / "told.json")
    assert {item.kind for item in watch.sweep(SLOWER).news} == {"still"}
    alarms = read_memory(watch.schedule.folder / "told.json").alarms
    assert {alarm.since for alarm in alarms.values()} == {watch.moment}
    assert watch.sweep(SLOWER).news == []


def end(watch: Watch, execution: Execution) -> list[tuple[str, str, str]]:
    """The news of a well measured sweep that ended so."""
    outcome = tell_people(watch.schedule, watch.put(NORMAL), execution, watch.moment, watch.log)
    return [(item.kind, item.state, item.text) for item in outcome.news]


def test_a_sweep_that_breaks_off_after_some_runs_is_told_with_its_last_words(watch: Watch) -> None:
    words = "ValueError: an interval needs positive numbers, not 0.0"
    ((kind, state, text),) = end(watch, Execution(1, None, 9.0, None, words))
    assert (kind, state) == ("new", "not run") and text.endswith(words) and "exit code 1" in text
    assert end(watch, Execution(1, None, 9.0, None, words)) == []
    assert end(watch, Execution(0, {}, 600.0)) == [("recovered", "not run", "sweeps run again")]


def test_a_sweep_that_was_ended_at_its_limit_is_told_once_for_that_alone(watch: Watch) -> None:
    found = end(watch, Execution(1, None, 9.0, "ended at its time limit of 5 min", "^C"))
    assert found == [("new", "failed", "the sweep was ended at its time limit of 5 min")]


@pytest.mark.parametrize("code", [2, 5, 70])
def test_no_exit_code_that_tells_of_trouble_is_passed_over_in_silence(watch: Watch, code: int) -> None:
    ((kind, state, text),) = end(watch, Execution(code, {}, 600.0))
    assert (kind, state) == ("new", "failed") and f"exit code {code}" in text


def made_check(outcome: str, name: str = "speed", **changes: Any) -> Any:
    return {
        "id": f"performance/{name}/n2", "phase": "performance", "outcome": outcome, "value": None, "unit": "", "n": 0,
        "why": "one repeat", "required": False, **changes,
    }  # fmt: skip


def test_checks_without_an_outcome_are_told_where_they_count(watch: Watch) -> None:
    spared, required = made_check("not measurable"), made_check("not measurable", "memory", required=True)
    undecided = made_check("undecided", "links", value=930.0, unit="MB/s", n=20, why="")
    found = end(watch, Execution(5, {"checks": [spared, required, undecided]}, 600.0))
    assert [text for _, _, text in found] == [
        "check performance/memory/n2 is required, and was not measured: one repeat",
        "check performance/links/n2 is undecided (930 MB/s, n = 20)",
    ]
    well = [made_check("pass"), made_check("pass", "memory"), made_check("pass", "links")]
    assert {kind for kind, _, _ in end(watch, Execution(0, {"checks": well}, 600.0))} == {"recovered"}


def test_a_phase_that_was_not_run_is_told_once_for_all_its_checks(watch: Watch) -> None:
    checks = [made_check("not measurable", name, required=True) for name in ("speed", "memory", "links")]
    phases: list[PhaseEntry] = [{"name": "performance", "ran": False, "outcome": "not measurable"}]
    ((_, state, text),) = end(watch, Execution(5, {"checks": checks, "phases": phases}, 600.0))
    assert (state, text) == ("undecided", "phase performance was not run: 3 checks without outcome")


def test_a_target_that_no_quality_was_measured_for_is_missed_and_the_sweep_is_compared(watch: Watch) -> None:
    found = watch.sweep(code=2, stopped="epochs", metric="macro_f1", target=0.7, quality=None).news
    assert {item.state for item in found} == {"wrong answer"}
    assert "macro_f1 not measured, not the target 0.700" in found[0].text
