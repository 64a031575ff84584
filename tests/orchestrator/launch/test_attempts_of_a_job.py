"""What a job's supervisor decides of its attempt: when it is warned, whether another attempt would help, and why the
scheduler started the job again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import PROJECT

from orchestrator.campaign import following as campaigns
from orchestrator.campaign.attempts import history
from orchestrator.cli.common import Options
from orchestrator.cli.run import compose_configurations
from orchestrator.launch.base import Run, Standing
from orchestrator.launch.enter import claim_attempt, explain_earlier, restarts_of
from orchestrator.launch.schedulers import own_job
from orchestrator.launch.slurm.parameters import sbatch_parameters
from orchestrator.launch.slurm.scheduler import SlurmScheduler, batch_of
from orchestrator.launch.slurm.script import batch_script
from orchestrator.launch.slurm.states import meaning_of
from orchestrator.launch.supervisor import WARNING_SIGNALS, Supervisor
from orchestrator.plan import Site, plan
from orchestrator.records import write_json


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Run]:
    """Makes a run on disk."""

    def make(*words: str) -> Run:
        given = ["benchmark=stemdl", "cluster=testcluster", "campaign=c", f"results={tmp_path}/results", *words]
        (run,) = campaigns.create(plan(compose_configurations(Options(given)), "stamp", Site(4, tmp_path)), {})
        return run

    return make


def stopped(run: Run, number: int, steps: int) -> None:
    """An attempt that stopped in order after so many steps of all attempts."""
    attempt = run[0].attempt(number)
    attempt.path.mkdir()
    write_json(attempt.stopped, {
        "schema": "orchestrator.stop/1", "total_steps": steps, "elapsed_s": 1.0, "ended": 1.0,
    })  # fmt: skip


def test_an_attempt_that_made_no_progress_in_its_time_is_not_repeated(make: Any) -> None:
    run = make()
    directory, manifest = run
    stopped(run, 1, 12)
    stopped(run, 2, 12)
    supervisor = Supervisor(directory, directory.attempt(2), manifest)
    supervisor.stop_asked = "time limit"
    ending = supervisor.go_on_later(12)
    assert (ending.state, ending.requeue) == ("timeout", None)
    assert "added none" in ending.cause and "cluster.limits.time_min" in ending.cause
    assert supervisor.go_on_later(13).state == "preempted-requeued"
    supervisor.stop_asked = "preempted"
    assert supervisor.go_on_later(12).state == "preempted-requeued", "that was not the attempt's own fault"


@pytest.mark.parametrize(
    ("words", "number", "state", "requeue", "said"),
    [
        (["cluster.slurm.requeue=true"], 1, "preempted-requeued", "scheduler", "put job 17 back into the queue"),
        (["cluster.slurm.requeue=false"], 1, "preempted-requeued", "orchestrator", "preempted job 17 before"),
        (["cluster.slurm.exclude_failed_nodes=true"], 1, "preempted-requeued", "orchestrator", "preempted job 17"),
        (["cluster.limits.max_attempts=1"], 1, "failed", None, "of 1 attempts (cluster.limits.max_attempts)"),
        (["cluster.slurm.requeue=false"], 3, "failed", None, "of 3 attempts (cluster.limits.max_attempts)"),
    ],
)
def test_who_starts_a_preempted_run_again_is_who_does(
    words: list[str], number: int, state: str, requeue: str | None, said: str, make: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its ranks did not stop within the grace time; Slurm starts a job of ``--no-requeue`` never again."""
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    directory, manifest = make(*words)
    supervisor = Supervisor(directory, directory.attempt(number), manifest)
    supervisor.standing = Standing("PREEMPTED", ending=meaning_of("PREEMPTED").ending)
    ending = supervisor.why_it_ends()
    assert ending is not None and (ending.state, ending.requeue) == (state, requeue) and said in ending.cause


@pytest.mark.parametrize(("minutes", "signals"), [(1, False), (2, False), (60, True)])
def test_a_short_job_is_warned_by_its_own_clock_alone(minutes: int, signals: bool, make: Any) -> None:
    run = make(f"cluster.limits.time_min={minutes}")
    SlurmScheduler().mark([run])
    lines = [line for line in batch_script(batch_of([run])).splitlines() if "--signal" in line]
    assert lines == (["#SBATCH --signal=B:USR2@90"] if signals else []), "submitit's own would end the ranks"


@pytest.mark.parametrize("number", WARNING_SIGNALS)
def test_the_signals_that_sites_send_as_a_warning_do_not_end_a_supervisor(number: signal.Signals, make: Any) -> None:
    directory, manifest = make("cluster.limits.max_attempts=1", "cluster=local")
    before = {each: signal.getsignal(each) for each in (*WARNING_SIGNALS, signal.SIGTERM, signal.SIGINT)}
    supervisor = Supervisor(directory, directory.attempt(2), manifest)
    directory.attempt(2).path.mkdir()
    try:
        assert supervisor.run() is False, "its attempts are used up"
        os.kill(os.getpid(), number)
        assert supervisor.warned
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ("REQUEUED|n1\\nRUNNING|n2", "put job 17 back into the queue, as by `scontrol requeue`"),
        ("NODE_FAIL|n[1-2]\\nRUNNING|n3", r"a node of job 17 failed (n[1-2]), and Slurm started it again"),
        ("PREEMPTED|n1\\nRUNNING|n1", "gave the nodes of job 17 to another job"),
        ("", "put job 17 back into the queue"),
    ],
)
def test_why_there_is_another_attempt_is_written_down_where_nobody_could_before(
    rows: str, cause: str, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "sacct"
    program.write_text(f"#!/bin/sh\nprintf '{rows}\\n'\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name, value in {"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "1"}.items():
        monkeypatch.setenv(name, value)
    directory, _ = make()
    for number in (1, 2):
        claim_attempt(directory.attempt(number), "17")
    explain_earlier(directory, directory.attempt(2), own_job())
    first, second = history(directory)
    assert (first["state"], second["state"]) == ("preempted-requeued", None)
    assert cause in str(first["cause"])


@pytest.mark.parametrize(("restarts", "begun", "number"), [(1, 0, 1), (1, 1, 2), (2, 1, 2), (2, 2, 3), (0, 0, 1)])
def test_a_start_that_ended_before_the_program_is_no_attempt(
    restarts: int, begun: int, number: int, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a node's prolog, after which Slurm starts the job again."""
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
    directory, _ = make()
    for each in range(1, begun + 1):
        claim_attempt(directory.attempt(each), "17")
    assert 1 + restarts_of(directory, 1, own_job()) == number


def test_an_option_of_sbatch_that_takes_no_value_is_given_none(make: Any) -> None:
    words = ("+cluster.slurm.additional.hold=true", "+cluster.slurm.additional.nice=100")
    _, manifest = make(*words)
    additional = sbatch_parameters(manifest)["additional_parameters"]
    assert isinstance(additional, dict) and (additional["hold"], additional["nice"]) == (True, "100")


def test_a_jobs_time_runs_since_its_script_began_whatever_it_became(tmp_path: Path) -> None:
    program = "from orchestrator.launch.supervisor import seconds_since_start; print(seconds_since_start())"
    script = tmp_path / "script.sh"
    script.write_text(f'sleep 1\nexec {sys.executable} -c "{program}"\n')
    told = subprocess.run(["bash", script], capture_output=True, text=True, check=True, cwd=PROJECT).stdout
    assert float(told) > 1
