"""Who decides on a run, and when: cancelling beside submitting, resuming, and what is started after the result.

Slurm's commands here are programs of the test's own on the PATH; the real ones are met in tests/slurm.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import unpack
from slurm_machine import KEPT, Machine, ended_well, fail_all, result_of

from orchestrator.campaign import following as campaigns
from orchestrator.campaign import state, submission
from orchestrator.campaign.attempts import history
from orchestrator.campaign.ending import Ended, end_in_words
from orchestrator.campaign.state import judge_run, query_statuses
from orchestrator.launch import enter
from orchestrator.launch.base import JobState, Run
from orchestrator.launch.enter import claim_attempt
from orchestrator.launch.job import rank_command
from orchestrator.launch.manifests import read_manifest
from orchestrator.launch.pace import Pace
from orchestrator.launch.slurm.parameters import job_shape
from orchestrator.launch.slurm.scheduler import SlurmScheduler
from orchestrator.launch.supervisor import Supervisor
from orchestrator.records import RunDirectory, failure_record, write_json

# --- cancel beside somebody who submits


def test_what_was_cancelled_is_not_submitted_by_a_watcher_that_does_not_know_of_it(make: Any) -> None:
    runs, machine = make(repeats=4), Machine()
    submission.submit(machine, runs[:1])
    # Another process, with manifests of its own.
    campaigns.cancel(machine, campaigns.load(runs[0][0].path.parent).runs, seconds=0.2)
    assert machine.sizes == [1]
    assert submission.submit_all(machine, runs[1:]) == ""
    assert machine.sizes == [1], "nothing more"
    states = [status.state for status in query_statuses(machine, runs)]
    assert states == ["cancelled"] * 4, "and the watcher knows it now"


def test_an_attempt_that_a_watcher_was_to_submit_is_not_once_it_is_cancelled(make: Any) -> None:
    (run,), machine = make(), Machine()
    submission.submit(machine, [run])
    write_json(run[0].attempt(1).failure, failure_record("preempted-requeued", "stopped", "orchestrator"))
    machine.jobs["1_0"] = JobState("completed")
    assert query_statuses(machine, [run])[0].resubmit
    campaigns.cancel(machine, campaigns.load(run[0].path.parent).runs, seconds=0.2)
    submission.submit_all(machine, [run])
    assert machine.sizes == [1] and query_statuses(machine, [run])[0].state == "cancelled"


def test_cancelling_waits_for_a_submission_that_is_being_made(make: Any) -> None:
    runs, machine = make(repeats=2), Machine()
    taken = Machine.submit

    def slowly(self: Machine, runs: Any) -> list[str]:
        time.sleep(0.5)
        return taken(self, runs)

    machine.submit = slowly.__get__(machine)  # type: ignore[method-assign]
    submitting = threading.Thread(target=submission.submit, args=(machine, runs[:1]))
    submitting.start()
    time.sleep(0.1)
    statuses = campaigns.cancel(machine, campaigns.load(runs[0][0].path.parent).runs, seconds=1)
    submitting.join()
    assert [status.state for status in statuses] == ["cancelled", "cancelled"]
    assert machine.jobs == {"1_0": JobState("cancelled")}, "what was submitted in the meantime was ended"


# --- resume


def follow(machine: Machine, runs: list[Run], most: int, each: Callable[[], None]) -> list[str]:
    told: list[str] = []
    limits = campaigns.Limits(most, 0.01)

    def show(statuses: Any) -> None:
        each()

    campaigns.follow(machine, runs, limits, show, lambda *ended: None, retry=campaigns.Retry(told.append))
    return told


def test_resume_submits_as_run_does_by_arrays_and_within_max_jobs(make: Any, tmp_path: Path) -> None:
    runs, machine, result = make(repeats=6), Machine(), result_of(tmp_path)
    submission.submit_all(machine, runs)
    fail_all(machine, runs)
    flying: list[int] = []

    def complete() -> None:
        now = [run for run in runs if machine.jobs[str(run[1].job_id)].state == "running"]
        flying.append(len(now))
        for run in now:
            ended_well(run, run[1].attempts, result)
            machine.jobs[str(run[1].job_id)] = JobState("completed")

    told = follow(machine, runs, 4, complete)
    assert machine.sizes == [6, 4, 2] and max(flying) == 4
    assert len(told) == 6 and told[0].endswith("failed; attempt 2")
    assert [manifest.attempts for _, manifest in runs] == [2] * 6


def test_resume_waits_where_the_scheduler_takes_no_more(make: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(campaigns, "BUSY_SECONDS", 0.01)
    runs, machine, result = make(repeats=3), Machine(), result_of(tmp_path)
    submission.submit_all(machine, runs)
    fail_all(machine, runs)
    machine.most = 1

    def complete() -> None:
        for run in runs:
            if machine.jobs[str(run[1].job_id)].state == "running" if run[1].job_id else False:
                ended_well(run, run[1].attempts, result)
                machine.jobs[str(run[1].job_id)] = JobState("completed")

    follow(machine, runs, 100, complete)
    assert machine.sizes == [3, 1, 1, 1]
    assert [status.state for status in query_statuses(machine, runs)] == ["completed"] * 3


def waits_between(make: Any, monkeypatch: pytest.MonkeyPatch, takes: Callable[[Machine], None]) -> list[float]:
    """The intervals at which a machine that takes 1 job at a time is asked to take more, of a campaign that is allowed
    4, and 0 where it is asked sooner; ``takes`` is called at each look.
    """
    found: list[float] = []

    class Noted(Pace):
        def next(self) -> None:
            found.append(self.interval)
            self.due = 0.0

        def hurry(self) -> None:
            found.append(0.0)

    monkeypatch.setattr(campaigns, "Pace", Noted)
    runs, machine = make(repeats=4), Machine(most=1)

    def look() -> None:
        takes(machine)
        for run in runs:
            if run[1].job_id and machine.jobs[run[1].job_id].state == "failed":
                write_json(run[0].attempt(1).failure, failure_record("failed", "no"))

    campaigns.follow(machine, runs, campaigns.Limits(4, 0.01), lambda _: look(), lambda *end: None)
    return found


def test_where_some_jobs_of_several_are_taken_the_next_are_offered_soon(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a machine that takes fewer jobs than the profile allows: pauses that only grow leave it idle."""

    def end_the_first(machine: Machine) -> None:
        machine.jobs |= dict.fromkeys(machine.jobs, JobState("failed"))

    found = waits_between(make, monkeypatch, end_the_first)
    assert set(found) == {5.0, 0.0}


def test_where_none_is_taken_the_pauses_grow_until_a_job_ends(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(range(1000))

    def end_each_fourth_look(machine: Machine) -> None:
        if next(looks) % 4 == 3:
            machine.jobs |= dict.fromkeys(machine.jobs, JobState("failed"))

    found = waits_between(make, monkeypatch, end_each_fourth_look)
    assert found[:5] == [5.0, 10.0, 20.0, 5.0, 0.0]


def test_an_end_is_noticed_at_once_though_the_next_look_is_far_away(make: Any, tmp_path: Path) -> None:
    runs, machine, result = make(repeats=2), Machine(), result_of(tmp_path)

    def end_all() -> None:
        for run in runs:
            machine.jobs[str(run[1].job_id)] = JobState("completed")
            ended_well(run, 1, result)
            time.sleep(0.2)

    submission.submit_all(machine, runs)
    begun = time.monotonic()
    threading.Timer(0.3, end_all).start()
    limits = campaigns.Limits(max_jobs=2, interval_s=60)
    statuses = campaigns.follow(machine, runs, limits, lambda _: None, lambda *_: None)
    assert [status.state for status in statuses] == ["completed"] * 2 and time.monotonic() - begun < 30


def test_a_run_that_is_just_ending_as_resume_comes_gets_its_attempt_too(make: Any, tmp_path: Path) -> None:
    (run,), machine, result = make(), Machine(), result_of(tmp_path)
    submission.submit(machine, [run])
    looks = iter(range(100))

    def go_on() -> None:
        look = next(looks)
        if look == 1:
            fail_all(machine, [run])
        elif run[1].attempts == 2 and machine.jobs[str(run[1].job_id)].state == "running":
            ended_well(run, 2, result)
            machine.jobs[str(run[1].job_id)] = JobState("completed")

    follow(machine, [run], 10, go_on)
    assert machine.sizes == [1, 1]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_resume_goes_on_with_what_was_cancelled_before_it_and_not_with_what_is_cancelled_meanwhile(
    make: Any, tmp_path: Path, when: str
) -> None:
    (run,), machine, result = make(), Machine(), result_of(tmp_path)
    submission.submit(machine, [run])
    if when == "before":
        campaigns.cancel(machine, [run], seconds=0.2)
        write_json(run[0].attempt(1).failure, failure_record("cancelled", "cancelled"))

    def go_on() -> None:
        if when == "meanwhile":
            machine.jobs["1_0"] = JobState("cancelled")
        elif run[1].attempts == 2:
            ended_well(run, 2, result)
            machine.jobs[str(run[1].job_id)] = JobState("completed")

    follow(machine, [run], 10, go_on)
    assert machine.sizes == ([1, 1] if when == "before" else [1])


def test_attempts_are_as_many_as_allowed_with_resume_too(make: Any) -> None:
    (run,), machine = make("cluster.limits.max_attempts=1"), Machine()
    submission.submit(machine, [run])
    fail_all(machine, [run])
    follow(machine, [run], 10, lambda: None)
    assert machine.sizes == [1] and query_statuses(machine, [run])[0].state == "failed"


# --- a run that has its result is over


def test_a_job_that_is_started_again_after_the_result_ends_at_once_and_leaves_nothing(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = make()
    for name in (run[0].path, run[0].path.parent):
        name.chmod(0o700)
    claim_attempt(run[0].attempt(1), "17")
    # Its watcher died before it could confirm the result.
    write_json(run[0].attempt(1).result, result_of(tmp_path))
    for name, value in {"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "1"}.items():
        monkeypatch.setenv(name, value)
    assert enter.main([str(run[0].path), "1"]) == 0
    assert "has the result of attempt 1" in capsys.readouterr().out
    assert [attempt.number for attempt in run[0].attempts()] == [1]


def test_an_attempt_after_the_result_changes_neither_state_nor_row(make: Any, tmp_path: Path) -> None:
    (run,), machine = make(), Machine()
    submission.submit(machine, [run])
    ended_well(run, 1, result_of(tmp_path))
    claim_attempt(run[0].attempt(2), "1_0")
    write_json(run[0].attempt(2).failure, failure_record("failed", "killed"))
    for job in (JobState("running"), JobState("pending"), JobState("failed"), None):
        status = judge_run(machine, run, job)
        assert (status.state, status.attempts, status.cause) == ("completed", 1, None)
    assert [entry["state"] for entry in history(run[0])] == ["completed"]


def test_an_attempt_that_failed_is_followed_by_the_next_as_ever(make: Any, tmp_path: Path) -> None:
    (run,), machine = make(), Machine()
    submission.submit(machine, [run])
    write_json(run[0].attempt(1).failure, failure_record("preempted-requeued", "stopped", "scheduler"))
    claim_attempt(run[0].attempt(2), "1_0")
    ended_well(run, 2, result_of(tmp_path))
    status = judge_run(machine, run, None)
    assert (status.state, status.attempts) == ("completed", 2)
    assert [entry["state"] for entry in history(run[0])] == ["preempted-requeued", "completed"]


def test_a_damaged_result_is_none(make: Any) -> None:
    (run,), machine = make(), Machine()
    submission.submit(machine, [run])
    run[0].attempt(1).result.write_text("{")
    claim_attempt(run[0].attempt(2), "1_0")
    assert judge_run(machine, run, JobState("running")).attempts == 2


# --- campaigns of an older version


def test_a_campaign_of_an_older_version_has_the_defaults_of_the_keys_that_came_since(tmp_path: Path) -> None:
    unpack(KEPT, tmp_path)
    folder = tmp_path / "results" / "version-0.1"
    for path in folder.glob("*/manifest.json"):
        document = json.loads(path.read_text())
        assert "optimizers" not in document["spec"]["settings"]["training"], "it lacks what came since"
        # And what came before it, in commits that nobody kept a folder of.
        del document["config"]["cluster"]["slurm"]["exclude_failed_nodes"]
        del document["config"]["cluster"]["limits"]["max_attempts"]
        path.write_text(json.dumps(document))
    for path in [folder, *folder.glob("*")]:
        path.chmod(0o700)
        if path.is_dir():
            shutil.chown(path, os.geteuid())
    for directory, manifest in campaigns.load(folder).runs:
        assert manifest.config["cluster"]["slurm"]["exclude_failed_nodes"] is False
        assert manifest.config["cluster"]["limits"]["max_attempts"] >= 1
        assert manifest.spec.settings["training"]["optimizers"] == {}
        assert not SlurmScheduler().goes_elsewhere(manifest) and job_shape(manifest)
        assert rank_command(manifest, directory.path, 2).words
        assert Supervisor(directory, directory.attempt(1), manifest).limits["silence_s"] > 0
        directory.write_manifest(manifest)
        assert read_manifest(RunDirectory(directory.path)) == manifest, "and keeps them, for the ranks"


# --- words at the end


def test_a_signal_that_ends_the_watcher_says_so_and_has_its_exit_code() -> None:
    with pytest.raises(Ended, match="ended by SIGTERM") as error, end_in_words():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert error.value.exit_code == 143
    assert str(error.value.adding("jobs go on")) == "ended by SIGTERM; jobs go on"


WATCHER = """
import sys
from orchestrator.campaign.ending import end_in_words
with end_in_words():
    print("watching", flush=True)
    sys.stdin.readline()
print("to the end")
"""


@pytest.mark.parametrize(
    ("before", "out", "last"),
    [
        (signal.SIG_IGN, "to the end\n", ""),
        (signal.SIG_DFL, "", "orchestrator.campaign.ending.Ended: ended by SIGHUP\n"),
    ],
    ids=["nohup", "a terminal's own"],
)
def test_the_end_of_the_terminal_ends_a_watcher_unless_nohup_started_it(before: Any, out: str, last: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WATCHER], preexec_fn=lambda: signal.signal(signal.SIGHUP, before),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as watcher:  # fmt: skip
        assert watcher.stdout and watcher.stdout.readline() == "watching\n"
        watcher.send_signal(signal.SIGHUP)
        told = watcher.communicate("\n", timeout=30)
    assert told[0] == out and told[1].endswith(last) and bool(told[1]) == bool(last)


def test_a_folder_that_cannot_be_written_is_said_by_name(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (run,), machine = make(), Machine()
    submission.submit(machine, [run])
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(state, "VANISHED_SECONDS", 0)
    status = judge_run(machine, run, JobState("failed", "NonZeroExitCode"))
    assert f"{run[0].path} cannot be written" in str(status.cause)


def test_a_submission_without_an_answer_says_what_it_waits_for(make: Any) -> None:
    (run,), machine = make(), Machine()
    run[1].attempts, run[1].asked = 1, time.time() - 7
    assert "the scheduler has not answered for 7 s" in judge_run(machine, run, None).reason
    # The clock of another login node says nothing here: this process has just begun to wait.
    run[1].asked, run[1].asked_on = time.time() + 3600, "login-2"
    assert "the scheduler has not answered for 0 s" in judge_run(machine, run, None).reason
