"""An end that a shared file system shows late: whoever watches waits for it, and replaces nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from slurm_machine import Machine, ended_well, fail_all, result_of

from orchestrator.campaign import following as campaigns
from orchestrator.campaign import state, submission
from orchestrator.campaign.attempts import history
from orchestrator.launch.base import JobState
from orchestrator.records import failure_record, find_record, read_json, write_json


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Has this process see failure.json only after so many looks for it, as a client of NFS that was told once that
    there is none; a link in its place is refused by the server all the same.
    """
    monkeypatch.setattr(state, "VANISHED_SECONDS", 0)
    lexists = os.path.lexists

    def begin(looks: int) -> None:
        left = iter(range(looks))

        def hidden(path: Path) -> bool:
            return path.name == "failure.json" and next(left, None) is not None

        monkeypatch.setattr(state, "find_record", lambda path, kind: None if hidden(path) else find_record(path, kind))
        monkeypatch.setattr(os.path, "lexists", lambda path: not hidden(path) and lexists(path))

    return begin


def test_a_cause_that_the_supervisor_wrote_is_told_and_stays_though_it_is_seen_late(make: Any, late: Any) -> None:
    (run,), machine = make(), Machine()
    submission.submit(machine, [run])
    fail_all(machine, [run])
    late(4)
    told: list[Any] = []
    limits = campaigns.Limits(1, 0.01)
    campaigns.follow(machine, [run], limits, lambda _: None, lambda *end: told.append((end[2].state, end[2].cause)))
    assert told == [("failed", "no")] and read_json(run[0].attempt(1).failure)["cause"] == "no"


@pytest.mark.parametrize("retry", [True, False])
def test_a_run_that_stopped_to_go_on_goes_on_though_that_is_seen_late(
    make: Any, late: Any, tmp_path: Path, retry: bool
) -> None:
    (run,), machine, result = make(), Machine(), result_of(tmp_path)
    submission.submit(machine, [run])
    machine.jobs["1_0"] = JobState("failed")
    write_json(run[0].attempt(1).failure, failure_record("preempted-requeued", "preempted", "orchestrator"))
    late(4)

    def complete(statuses: Any) -> None:
        if run[1].attempts == 2:
            ended_well(run, 2, result)
            machine.jobs["2_0"] = JobState("completed")

    again = campaigns.Retry() if retry else None
    campaigns.follow(machine, [run], campaigns.Limits(1, 0.01), complete, lambda *end: None, retry=again)
    assert machine.sizes == [1, 1] and read_json(run[0].attempt(1).failure)["cause"] == "preempted"


def test_an_end_that_nobody_recorded_is_recorded_by_who_watches(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "VANISHED_SECONDS", 0)
    (run,), machine = make(), Machine()
    submission.submit(machine, [run])
    machine.jobs["1_0"] = JobState("timeout", "reached its time limit")
    campaigns.follow(machine, [run], campaigns.Limits(1, 0.01), lambda _: None, lambda *end: None)
    written = read_json(run[0].attempt(1).failure)
    assert (written["state"], written["cause"]) == ("timeout", "job 1_0 reached its time limit")


def test_a_preempted_run_that_its_scheduler_gave_up_goes_on_and_says_why(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "VANISHED_SECONDS", 0)
    (run,), machine, result = make("cluster.slurm.requeue=false"), Machine(), result_of(tmp_path)
    submission.submit(machine, [run])
    machine.jobs["1_0"] = JobState("failed", "was preempted", preempted=True)

    def complete(statuses: Any) -> None:
        if run[1].attempts == 2:
            ended_well(run, 2, result)
            machine.jobs["2_0"] = JobState("completed")

    statuses = campaigns.follow(machine, [run], campaigns.Limits(1, 0.01), complete, lambda *end: None)
    assert [status.state for status in statuses] == ["completed"] and machine.sizes == [1, 1]
    first, second = history(run[0])
    assert (first["state"], first["cause"]) == ("preempted-requeued", "job 1_0 was preempted")
    assert second["state"] == "completed"


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_stands_in_the_place_of_a_failure_record_keeps_nobody_watching(
    kind: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "VANISHED_SECONDS", 0)
    (run,), machine = make(), Machine()
    submission.submit(machine, [run])
    machine.jobs["1_0"] = JobState("failed")
    failure = run[0].attempt(1).failure
    failure.symlink_to("nowhere") if kind == "link" else failure.mkdir()
    (status,) = campaigns.follow(machine, [run], campaigns.Limits(1, 0.01), lambda _: None, lambda *end: None)
    assert status.damaged
