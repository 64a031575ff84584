"""What is said to Slurm and what it says, each understood in one place.

Slurm's commands here are programs of the test's own on the PATH; the real ones are met in tests/slurm.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from orchestrator.launch.environment import for_other_nodes, without_foreign
from orchestrator.launch.schedulers import own_job
from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.launch.slurm.identity import JobId, expand_tasks
from orchestrator.launch.slurm.nodes import NodeState
from orchestrator.launch.slurm.own_job import SlurmJob

OF_AN_ARRAY = {"SLURM_JOB_ID": "17", "SLURM_ARRAY_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "2", "SLURM_RESTART_COUNT": "1"}
"""As Slurm sets it for the last task, whose job id is the array's own."""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a scontrol that does all that it is asked writes its arguments."""
    program = tmp_path / "scontrol"
    program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/log\necho "JobState=RUNNING PreemptTime=None"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "log"


def test_the_task_of_an_array_is_never_named_by_the_arrays_number(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OF_AN_ARRAY.items():
        monkeypatch.setenv(name, value)
    job = own_job()
    assert isinstance(job, SlurmJob)
    assert (job.id, job.place, job.restarts) == ("17_2", 2, 1)
    assert job.standing().runs and job.requeue() is None
    assert log.read_text().splitlines() == ["--oneliner show job 17_2", "requeue 17_2"]


SHOWN = (
    "JobId=17 JobName=stemdl-small-mpi-n1-r0 UserId=ada(1000) GroupId=ada(1000) MCS_label=N/A Priority=4294901759 "
    "Nice=0 Account=bench QOS=normal JobState=RUNNING Reason=None Dependency=(null) Requeue=1 Restarts=0 "
    "PreemptEligibleTime=2026-11-29T08:00:00 PreemptTime=None NodeList=n[1-2] "
    "AdminComment={'rerun': 'JobState=PENDING PreemptTime=2026-11-29T09:00:00 NodeList=n9'} Comment=JobState=FAILED\n"
)
"""A line of `scontrol --oneliner show job` of 23.11, shortened, with a site's comment of AUDITOR's kind."""


def test_a_sites_comment_on_a_job_is_not_taken_for_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "said").write_text(SHOWN)
    program = tmp_path / "scontrol"
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/said\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    job = SlurmJob(JobId("17"), {})
    assert (job.standing().word, job.standing().runs, job.is_preempted()) == ("RUNNING", True, False)


@pytest.mark.parametrize("text", ["17", "17_0", "17_4"])
def test_an_id_is_read_as_it_is_written(text: str) -> None:
    assert str(JobId.parse(text)) == text


def test_tasks_that_share_a_line_are_told_apart() -> None:
    assert list(expand_tasks("17_[2,4-6%2]")) == ["17_2", "17_4", "17_5", "17_6"]
    assert list(expand_tasks("17_[0-3999999:2]", {"17_4"})) == ["17_4"]
    assert list(expand_tasks("17")) == ["17"]


@pytest.mark.parametrize(
    "state",
    ["idle", "mixed", "allocated", "completing", "idle~", "idle#", "mixed-", "idle@", "idle+cloud", "allocated+",
     "planned", "reserved", "reboot", "blocked", "IDLE+BLOCKED", "MIXED+PERFCTRS", "IDLE+DYNAMIC_NORM+POWERED_DOWN",
     "powered_down", "POWERED_DOWN~", "powering_down%", "powering_up#", "idle!"],
)  # fmt: skip
def test_a_node_that_takes_jobs_now_or_later_is_in_service(state: str) -> None:
    assert NodeState.parse(state).in_service


@pytest.mark.parametrize(
    "state",
    ["down", "down*", "idle*", "drained", "idle+drain", "draining", "maint", "idle$", "allocated^", "", "reboot^",
     "inval", "fail", "failing", "future", "unknown", "IDLE+NOT_RESPONDING", "IDLE+INVALID_REG", "IDLE+POWER_DRAIN",
     "powering_up*", "DOWN+POWERED_DOWN", "down~"],
)  # fmt: skip
def test_a_node_that_takes_none_is_not(state: str) -> None:
    assert not NodeState.parse(state).in_service


def test_what_a_shell_says_to_slurm_reaches_no_command_and_how_to_reach_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "squeue"
    program.write_text("#!/bin/sh\nenv\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name in ("SLURM_CONF", "SLURM_JWT", "SLURM_CLUSTERS", "SQUEUE_FORMAT", "SLURM_JOB_ID"):
        monkeypatch.setenv(name, "x")
    told = {line.partition("=")[0] for line in query_slurm(["squeue"]).out.splitlines()}
    assert {"SLURM_CONF", "SLURM_JWT"} <= told
    assert not {"SLURM_CLUSTERS", "SQUEUE_FORMAT", "SLURM_JOB_ID"} & told


def test_a_command_that_is_not_there_or_does_not_answer_has_failed_and_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "sinfo"
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert query_slurm(["sinfo"], seconds=0.2).complaint.startswith("sinfo gave no answer within 0.2 s")
    assert query_slurm(["no-such-command"]).complaint == "there is no no-such-command here"


def test_how_this_process_was_started_is_no_business_of_the_jobs_that_it_starts() -> None:
    foreign = (
        "SLURM_NTASKS",
        "SBATCH_PARTITION",
        "PMIX_RANK",
        "PMI_SIZE",
        "OMPI_COMM_WORLD_RANK",
        "RANK",
        "SUBMITIT_X",
    )
    of_the_machine = ("PATH", "SLURM_CONF", "PMIX_MCA_gds", "OMPI_MCA_btl", "RANKING")
    assert set(without_foreign(dict.fromkeys((*foreign, *of_the_machine), "x"))) == set(of_the_machine)


def test_what_a_pinned_shell_sees_of_its_own_accelerators_is_no_business_of_other_nodes() -> None:
    pinned = dict.fromkeys(("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"), "3")
    assert for_other_nodes({**pinned, "PATH": "/bin"}) == {"PATH": "/bin"}
    assert without_foreign(pinned) == pinned, "on this machine it is the user's choice"


def test_an_id_keeps_its_cluster_and_is_named_without_it_to_slurm() -> None:
    job = JobId.parse("17_4@genius")
    assert job == JobId("17", 4, "genius")
    assert (str(job), job.name) == ("17_4@genius", "17_4")
    own = JobId.own({"SLURM_JOB_ID": "17", "ORCHESTRATOR_SLURM_CLUSTER": "genius"})
    assert str(own) == "17@genius"
