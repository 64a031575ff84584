"""Clocks of hosts differ: a host's stamps are compared with its own, and a duration that cannot be is none."""

from __future__ import annotations

import os
import time
from functools import partial
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.campaign.attempts import history
from orchestrator.campaign.collect import phase_seconds
from orchestrator.campaign.observing import observe
from orchestrator.campaign.state import REQUEUE_SECONDS, VANISHED_SECONDS, RunStatus, judge_run
from orchestrator.launch.base import JobState
from orchestrator.launch.enter import claim_attempt
from orchestrator.launch.signs import SeenSigns
from orchestrator.launch.slurm.scheduler import SlurmScheduler
from orchestrator.launch.slurm.states import parse_job_state
from orchestrator.records import (
    ALIVE_SLOT_BYTES,
    AliveSlot,
    AttemptDirectory,
    Manifest,
    RunDirectory,
    RunSpec,
    failure_record,
    write_json,
)
from workloads.runtime.measurement.clocks import (
    ImpossibleDurationError,
    clock,
    moment,
    process_start,
    seconds_since,
)
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.measurement.telemetry import Telemetry

APART = [0.0, 30.0, 3600.0, -3600.0]
"""Seconds by which a node's clock is behind this host's."""


def give_sign(attempt: AttemptDirectory, rank: int, stamp: float) -> None:
    attempt.path.mkdir(exist_ok=True)
    content = bytearray(attempt.alive.read_bytes()) if attempt.alive.exists() else bytearray()
    content = content.ljust((rank + 1) * ALIVE_SLOT_BYTES, b"\0")
    slot = AliveSlot(rank, stamp, 1, "train", 1, False)
    content[rank * ALIVE_SLOT_BYTES : (rank + 1) * ALIVE_SLOT_BYTES] = slot.encode()
    attempt.alive.write_bytes(content)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Moves this process's monotonic clock to so many seconds after now."""
    begun = time.monotonic()
    return lambda seconds: monkeypatch.setattr(time, "monotonic", partial(add, begun, seconds))


@pytest.mark.parametrize("behind", APART)
def test_a_rank_on_a_node_with_another_clock_is_alive(behind: float, tmp_path: Path, later: Any) -> None:
    attempt = AttemptDirectory(tmp_path / "attempt-1")
    signs = SeenSigns(attempt.alive)
    for second in range(20):
        later(second)
        give_sign(attempt, 0, time.time() + second)
        give_sign(attempt, 1, time.time() + second - behind)
        signs.look()
    assert signs.seen_alive(5) == 2


def test_a_rank_that_falls_silent_is_not_alive_whatever_its_clock_says(tmp_path: Path, later: Any) -> None:
    attempt = AttemptDirectory(tmp_path / "attempt-1")
    signs = SeenSigns(attempt.alive)
    give_sign(attempt, 1, time.time() + 90)
    for second in range(20):
        later(second)
        give_sign(attempt, 0, time.time() + second)
        signs.look()
        assert signs.unknown(5) == (2 if second == 0 else 1 if second <= 5 else 0)
    assert signs.seen_alive(5) == 1


def slurm_run(folder: Path, **changes: Any) -> tuple[RunDirectory, Manifest]:
    """A run of a profile that has Slurm requeue, submitted an hour ago by this host's clock."""
    settings: Any = {}
    spec = RunSpec(
        campaign="c", run="r", benchmark="stemdl", cluster="big", nodes=2, ranks_per_node=1, threads_per_rank=1,
        repeat=0, seed=1, comm="mpi", mode="training", recipe="small", scale="single", settings=settings,
        data_folder="/d", silence_s=60.0, startup_silence_s=60.0,
    )  # fmt: skip
    slurm: Any = {"requeue": True, "exclude_failed_nodes": False, "additional": {}}
    config: Any = {"cluster": {"launcher": "srun", "limits": {"max_attempts": 3}, "slurm": slurm}}
    ago = time.time() - 3600
    facts = {"scheduler": "slurm", "attempts": 1, "job_id": "11", "submitted": ago, "asked": ago, **changes}
    directory = RunDirectory(folder)
    directory.attempt(1).path.mkdir()
    return directory, Manifest(spec, config, "hash", {}, created=ago, **facts)


def judged(run: tuple[RunDirectory, Manifest], job: JobState | None) -> RunStatus:
    return judge_run(SlurmScheduler(), run, job)


@pytest.mark.parametrize("behind", APART)
def test_a_job_that_ended_without_a_word_has_some_seconds_by_the_clock_of_who_waits(
    behind: float, tmp_path: Path, later: Any
) -> None:
    """The file server's clock, which stamps what ranks wrote, is another one again."""
    run = slurm_run(tmp_path)
    stderr = run[0].attempt(1).stderr
    stderr.write_text("no trouble\n")
    os.utime(stderr, (time.time() - behind, time.time() - behind))
    assert (judged(run, JobState("completed")).state, judged(run, JobState("completed")).unsettled) == ("running", True)
    later(VANISHED_SECONDS - 1)
    assert judged(run, JobState("completed")).state == "running"
    later(VANISHED_SECONDS + 1)
    assert (judged(run, JobState("completed")).state, judged(run, None).state) == ("failed", "lost")


def test_a_job_that_failed_without_a_word_of_its_supervisor_has_some_seconds_too(tmp_path: Path, later: Any) -> None:
    """One that never began has none, and a word that is there counts at once."""
    run, failed = slurm_run(tmp_path), JobState("failed", "ended with exit code 1")
    assert judged(run, failed).state == "failed"
    claim_attempt(run[0].attempt(1), "11")
    assert (judged(run, failed).state, judged(run, failed).unsettled) == ("running", True)
    later(VANISHED_SECONDS + 1)
    assert judged(run, failed).cause == "job 11 ended with exit code 1"
    judged(run, JobState("running"))
    write_json(run[0].attempt(1).failure, failure_record("failed", "rank 1 died"))
    assert judged(run, failed).cause == "rank 1 died"


@pytest.mark.parametrize("behind", APART)
def test_a_job_whose_node_failed_may_come_back_for_as_long_by_the_clock_of_who_waits(
    behind: float, tmp_path: Path, later: Any
) -> None:
    run = slurm_run(tmp_path)
    failure = {**failure_record("preempted-requeued", "node n1 failed", "scheduler"), "ended": time.time() - behind}
    write_json(run[0].attempt(1).failure, failure)
    assert judged(run, JobState("node-failed")).state == "preempted-requeued"
    later(REQUEUE_SECONDS - 1)
    assert judged(run, JobState("node-failed")).state == "preempted-requeued"
    later(REQUEUE_SECONDS + 1)
    assert judged(run, JobState("node-failed")).state == "node-failed"


PREEMPTED = parse_job_state("11", "PREEMPTED", "None", "0:15")


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize(("attempts", "then"), [(1, ("preempted-requeued", True)), (3, ("failed", False))])
def test_a_preempted_job_that_does_not_return_is_followed_by_another_while_attempts_are_left(
    attempts: int, then: tuple[str, bool], recorded: bool, tmp_path: Path, later: Any
) -> None:
    """Accounting calls it PREEMPTED for months, whether Slurm put it back into the queue or cancelled it."""
    run = slurm_run(tmp_path, attempts=attempts)
    run[0].attempt(attempts).path.mkdir(exist_ok=True)
    if recorded:
        stopped = failure_record("preempted-requeued", "put back", "scheduler")
        write_json(run[0].attempt(attempts).failure, stopped)
    first = judged(run, PREEMPTED)
    if attempts == 1:
        assert (first.state, first.resubmit, first.unsettled) == ("preempted-requeued", False, True), "it may return"
        later(REQUEUE_SECONDS - 1)
        assert not judged(run, PREEMPTED).resubmit
    later(REQUEUE_SECONDS + 1)
    last = judged(run, PREEMPTED)
    assert (last.state, last.resubmit) == then
    assert (last.cause or last.reason) == ("put back" if recorded and attempts == 1 else "job 11 was preempted")


def test_a_preempted_job_that_slurm_never_requeues_is_followed_by_another_at_once(tmp_path: Path) -> None:
    run = slurm_run(tmp_path)
    run[1].config["cluster"]["slurm"]["requeue"] = False
    assert judged(run, PREEMPTED).resubmit
    run[1].config["cluster"]["limits"]["max_attempts"] = 1
    status = judged(run, PREEMPTED)
    assert (status.state, status.cause) == ("failed", "job 11 was preempted")


def test_a_preempted_job_that_returned_waits_in_the_queue(tmp_path: Path, later: Any) -> None:
    run = slurm_run(tmp_path)
    judged(run, PREEMPTED)
    later(60)
    assert judged(run, parse_job_state("11", "PENDING", "BeginTime")).state == "pending"
    later(120)
    assert not judged(run, PREEMPTED).resubmit, "the seconds count anew"


def test_a_job_that_was_put_back_and_is_gone_for_long_is_lost(tmp_path: Path, later: Any) -> None:
    run = slurm_run(tmp_path)
    write_json(run[0].attempt(1).failure, failure_record("preempted-requeued", "node n1 failed", "scheduler"))
    assert judged(run, None).state == "preempted-requeued", "whoever collects does not ask for it"
    later(REQUEUE_SECONDS + 1)
    status = judged(run, None)
    assert (status.state, status.cause) == ("lost", "node n1 failed; job 11 is gone")


def test_signs_that_were_there_before_anybody_looked_do_not_outweigh_the_scheduler(tmp_path: Path, later: Any) -> None:
    """The job is back in the queue; the stamps of its first start are fresh by a clock that is ahead."""
    run = slurm_run(tmp_path)
    give_sign(run[0].attempt(1), 0, time.time() + 30)
    assert judged(run, JobState("pending")).state == "pending"
    give_sign(run[0].attempt(1), 0, time.time() + 31)
    later(1)
    assert judged(run, JobState("pending")).state == "running"


def test_a_job_whose_ranks_give_signs_is_not_stuck_whatever_its_scheduler_said_last(tmp_path: Path, later: Any) -> None:
    run, held = slurm_run(tmp_path), JobState("pending", "held", stuck=True)
    judged(run, held)
    later(3500)
    assert judged(run, held).stuck_s == pytest.approx(3500, abs=10)
    give_sign(run[0].attempt(1), 0, time.time())
    assert (judged(run, held).state, judged(run, held).stuck_s) == ("running", None)


def test_what_one_look_cannot_tell_is_said_to_be_unsettled(tmp_path: Path, later: Any) -> None:
    run = slurm_run(tmp_path)
    give_sign(run[0].attempt(1), 0, time.time())
    first = judged(run, JobState("running"))
    assert (first.ranks_alive, first.unsettled) == (1, True)
    later(7)
    second = judged(run, JobState("running"))
    assert (second.ranks_alive, second.unsettled) == (0, False)
    assert observe(run[0].attempt(1)).wrote


def test_time_between_attempts_says_whether_one_clock_measured_it(tmp_path: Path) -> None:
    begun, directory = 1_795_660_369.0, RunDirectory(tmp_path)
    for number, (host, started) in enumerate((("n1", begun), ("n1", begun + 100), ("n2", begun + 40)), start=1):
        attempt = directory.attempt(number)
        attempt.path.mkdir()
        claim = {"schema": "orchestrator.claim/1", "job": "17", "host": host, "pid": 1, "started": started}
        write_json(attempt.claim, claim)
        write_json(attempt.heartbeat, {**Progress().heartbeat(), "started": started, "time": started + 60})
    found = [(entry["waited_s"], entry["between_hosts"]) for entry in history(directory)]
    assert found == [(0.0, False), (40.0, False), (0.0, True)]


def test_durations_go_on_when_somebody_sets_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry, before = Telemetry(0), moment()
    telemetry.enter("train")
    monkeypatch.setattr(time, "time", lambda: 1_795_660_369.0 - 7200)
    telemetry.leave()
    ((_, start, stop),) = telemetry.phases
    assert 0 <= stop - start < 60 and before <= start


@pytest.mark.parametrize("seconds", [-3.0, float("nan"), float("inf"), 1_795_660_369.0])
def test_a_duration_that_cannot_be_is_refused_where_it_is_measured(seconds: float) -> None:
    """By a rank: negative, no number, or longer than its process has lived."""
    for measure in (
        lambda: Telemetry(1).step(seconds, 0.0, 0.0, 0, 1),
        lambda: Telemetry(1).step(0.01, seconds, 0.0, 0, 1),
        lambda: Telemetry(1).step(0.01, 0.0, seconds, 0, 1),
        lambda: Telemetry(1).add_phase("train", 100.0, 100.0 + seconds),
        lambda: seconds_since(clock() - seconds),
    ):
        with pytest.raises(ImpossibleDurationError, match="does not count steadily"):
            measure()


def test_parts_of_a_step_that_are_longer_than_the_step_are_refused() -> None:
    """But for what the clocks of a host and an accelerator differ by."""
    telemetry = Telemetry(2)
    telemetry.step(0.010, 0.004, 0.0065, 0, 1)
    assert telemetry.times["compute"][0] == 0
    with pytest.raises(ImpossibleDurationError):
        telemetry.step(0.010, 0.009, 0.009, 0, 1)


def test_a_duration_that_cannot_be_is_none_in_telemetry_of_earlier_versions() -> None:
    """A clock that was set in mid-run: an import of 1,795,660,369 s, a training that ended before it began."""
    content = {
        "phase/name": np.array([b"import", b"train", b"evaluate"]),
        "phase/start": np.array([[0.0, 110.0, 50.0], [1.0, 10.0, 50.0]]),
        "phase/stop": np.array([[1_795_660_369.0, 100.0, 52.0], [1_795_660_370.0, 40.0, 53.0]]),
    }
    found = {entry["name"]: entry["seconds"] for entry in phase_seconds(content, limit=7200.0)}
    assert found == {"train": 30.0, "evaluate": 3.0}


def test_a_process_under_a_faked_clock_begins_now_and_not_at_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < time.time() - process_start() < 24 * 3600
    monkeypatch.setattr(time, "clock_gettime", lambda clock: 1_795_660_369.0)
    assert abs(time.time() - process_start()) < 5
