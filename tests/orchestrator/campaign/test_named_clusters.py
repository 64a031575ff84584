"""Jobs on another of a site's clusters are asked for, ended and told apart there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from slurm_programs import Commands, answered, calls

from orchestrator.campaign import submission
from orchestrator.doctor import slurm as doctor
from orchestrator.launch.base import SubmissionError
from orchestrator.launch.slurm.jobs import Job, query_states
from orchestrator.launch.slurm.scheduler import SlurmScheduler
from orchestrator.records import now


def test_a_job_on_a_named_cluster_is_asked_for_and_ended_there(commands: Commands, make: Any) -> None:
    log = commands(
        sbatch='echo "Submitted batch job 7 on cluster genius"',
        scancel="true",
        sacct="echo 'CLUSTER: genius'\n" + answered({"7_0": "RUNNING", "7_1": "FAILED"}),
    )
    runs, scheduler = make("+cluster.slurm.additional.clusters=genius", repeats=2), SlurmScheduler()
    submission.submit_all(scheduler, runs)
    assert [manifest.job_id for _, manifest in runs] == ["7_0@genius", "7_1@genius"]
    assert "export ORCHESTRATOR_SLURM_CLUSTER=genius" in next(runs[0][0].path.parent.glob("jobs/7_*.sh")).read_text()
    found = scheduler.states(runs)
    assert {job: state.state for job, state in found.items()} == {"7_0@genius": "running", "7_1@genius": "failed"}
    scheduler.cancel(runs)
    assert calls(log, "scancel") == ["scancel --clusters=genius --full 7_0 7_1"]
    assert all("--clusters=genius" in line for line in calls(log, "sacct"))


def test_jobs_of_one_number_on_two_clusters_are_two_jobs(commands: Commands) -> None:
    commands(sacct='case $* in *genius*) s=RUNNING;; *) s=FAILED;; esac; printf "7\\x1f$s\\x1fNone\\x1f\\x1fc\\n"')
    wanted = {job: Job("", "c", now()) for job in ("7", "7@genius")}
    found = query_states(wanted)
    assert found is not None
    assert {job: state.state for job, state in found.items()} == {"7": "failed", "7@genius": "running"}


def test_a_cluster_that_nobody_named_is_refused_and_the_job_cancelled_there(commands: Commands, make: Any) -> None:
    log = commands(sbatch='echo "Submitted batch job 7 on cluster other"', scancel="true")
    (run,) = make()
    with pytest.raises(SubmissionError, match=r"sent job 7 to cluster other.*additional\.clusters=other"):
        SlurmScheduler().submit([run])
    assert calls(log, "scancel") == ["scancel --clusters=other 7"]


def test_doctors_job_goes_to_the_named_cluster_and_is_cancelled_there_if_it_does_not_end(
    commands: Commands, make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = commands(
        sbatch='echo "job 1 of 1"; echo "Submitted batch job 7 on cluster genius"',
        squeue="echo PENDING",
        scancel="true",
    )
    ((_, manifest),) = make("+cluster.slurm.additional.clusters=genius")
    monkeypatch.setattr(doctor, "JOB_SECONDS", 0)
    monkeypatch.setattr(doctor, "LOOK_SECONDS", 0.01)
    (finding,) = doctor.examine_job(manifest.config["cluster"], "mpi", tmp_path)
    assert (finding.state, finding.subject) == ("warning", "job") and "cancelled" in finding.detail
    assert "--clusters=genius" in calls(log, "sbatch")[0]
    assert calls(log, "scancel") == ["scancel --clusters=genius 7"]


@pytest.mark.parametrize("named", ["a,b", "all"])
def test_clusters_among_which_slurm_would_choose_are_refused(named: str, make: Any) -> None:
    ((_, manifest),) = make(f"+cluster.slurm.additional.clusters='{named}'")
    reason = SlurmScheduler().missing(manifest.config["cluster"])
    assert reason is not None and "name one, by which its jobs can be followed" in reason
