"""Command lines of launchers, causes of failures and states of jobs, from what the programs really print."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sampled import sampled

from orchestrator.campaign.state import VANISHED_SECONDS, judge_run
from orchestrator.installation.mpi import Mpi
from orchestrator.launch.base import JobState
from orchestrator.launch.causes import first_cause, silent_ranks
from orchestrator.launch.launchers import LAUNCHERS, Ranks
from orchestrator.launch.local import LocalScheduler
from orchestrator.launch.slurm.jobs import Job, parse_states
from orchestrator.launch.slurm.scheduler import SlurmScheduler
from orchestrator.records import (
    AliveSlot,
    AttemptDirectory,
    Manifest,
    Result,
    RunDirectory,
    RunSpec,
    failure_record,
    now,
    write_json,
)

OPEN_MPI = Mpi("wheel", None, Path("/opt/bin/mpirun"), "mpirun (Open MPI) 5.0.11")
MPICH = Mpi("site", None, Path("/opt/bin/mpirun"), "HYDRA build details:")

LOCAL: Any = {
    "scheduler": "local", "environment": {}, "launcher_options": [], "pmi": "pmix", "bind_ranks": True,
    "slurm": {"additional": {}},
}  # fmt: skip
SLURM: Any = {**LOCAL, "scheduler": "slurm"}


def spec(**changes: Any) -> RunSpec:
    values = {
        "campaign": "c", "run": "r", "benchmark": "stemdl", "cluster": "local", "nodes": 1, "ranks_per_node": 2,
        "threads_per_rank": 1, "repeat": 0, "seed": 1, "comm": "mpi", "mode": "training", "recipe": "small",
        "scale": "single", "settings": {}, "data_folder": "/d", "silence_s": 60.0, "startup_silence_s": 60.0,
    }  # fmt: skip
    return RunSpec(**{**values, **changes})


def manifest(launcher: str = "mpirun", **changes: Any) -> Manifest:
    config: Any = {"cluster": {"launcher": launcher}}
    return Manifest(spec(), config, "hash", {}, created=now(), **changes)


def test_open_mpi_gives_each_rank_of_an_allocation_its_own_cores_where_there_are_enough() -> None:
    line = LAUNCHERS["mpirun"].command(Ranks(2, 2, 2, cores=8), SLURM, OPEN_MPI, ["prog"])
    assert line[:3] == ["/opt/bin/mpirun", "-n", "4"]
    assert line[3:7] == ["--bind-to", "core", "--map-by", "ppr:2:node:PE=2:OVERSUBSCRIBE"]
    assert line[-1] == "prog"


def test_ranks_without_cores_of_their_own_are_not_bound() -> None:
    line = LAUNCHERS["mpirun"].command(Ranks(1, 4, 1, cores=2), SLURM, OPEN_MPI, ["prog"])
    assert line[line.index("--bind-to") + 1] == "none"


def test_on_this_machine_ranks_bind_themselves() -> None:
    line = LAUNCHERS["mpirun"].command(Ranks(2, 1, 1, cores=8), LOCAL, OPEN_MPI, ["prog"])
    assert line[3:7] == ["--bind-to", "none", "--map-by", "slot:OVERSUBSCRIBE"]


def test_another_mpi_gets_no_option_of_open_mpis() -> None:
    assert LAUNCHERS["mpirun"].command(Ranks(2, 1, 1, 8), LOCAL, MPICH, ["prog"]) == [
        "/opt/bin/mpirun", "-n", "2", "prog",
    ]  # fmt: skip


def test_a_missing_mpirun_says_what_to_do() -> None:
    with pytest.raises(FileNotFoundError, match="orchestrator setup"):
        LAUNCHERS["mpirun"].command(Ranks(1, 1, 1, 1), LOCAL, None, ["prog"])


def test_srun_passes_cores_on_and_ends_all_with_one() -> None:
    line = LAUNCHERS["srun"].command(Ranks(2, 4, 8, 32), LOCAL, None, ["prog"])
    for option in ("--mpi=pmix", "--nodes=2", "--ntasks=8", "--cpus-per-task=8", "--kill-on-bad-exit=1"):
        assert option in line
    assert "--distribution=block:block" in line and "--hint=nomultithread" in line


@pytest.mark.parametrize(
    ("words", "additional"),
    [(["--cpu-bind=map_cpu:0,1"], {}), (["--threads-per-core=2"], {}), ([], {"hint": "multithread"}),
     ([], {"threads_per_core": "2"})],
)  # fmt: skip
def test_who_says_which_threads_of_a_core_to_give_out_is_not_contradicted(
    words: list[str], additional: dict[str, str]
) -> None:
    cluster: Any = {**SLURM, "launcher_options": words, "slurm": {"additional": additional}}
    line = LAUNCHERS["srun"].command(Ranks(2, 4, 8, 32), cluster, None, ["prog"])
    assert not [word for word in line if word.startswith("--hint")]


PRTERUN = """--------------------------------------------------------------------------
prterun noticed that process rank 1 with PID 4242 on node n7 exited on
signal 9 (Killed).
--------------------------------------------------------------------------
"""

STATUS = """prterun detected that one or more processes exited with non-zero status,
thus causing the job to be terminated. The first process to do so was:

   Process name: [prterun-vm-11@1,3] Exit code:    17
"""


@pytest.mark.parametrize(
    ("launcher", "printed", "cause"),
    [
        ("mpirun", PRTERUN, "rank 1 on n7 was ended by signal 9 (Killed)"),
        ("mpirun", STATUS, "rank 3 exited with code 17"),
        ("srun", "srun: error: n2: task 5: Killed\n", "rank 5 on n2: Killed"),
    ],
)
def test_the_launchers_word_on_a_dead_rank_is_understood(launcher: str, printed: str, cause: str) -> None:
    assert LAUNCHERS[launcher].first_failure(printed) == cause


UNREACHABLE = """\
[1,0]<stderr>: --------------------------------------------------------------------------
[1,0]<stderr>: It appears as if there is not enough space for /dev/shm/sm_segment.n1.0.a8900001.0 (the
[1,0]<stderr>: shared-memory backing file). It is likely that your MPI job will now either abort or experience
[1,0]<stderr>: performance degradation.
[1,1]<stderr>: At least one pair of MPI processes are unable to reach each other for
[1,1]<stderr>: MPI communications.  This means that no Open MPI device has indicated
[1,1]<stderr>: \0--------------------------------------------------------------------------
[1,1]<stderr>:   ompi_mpi_init: ompi_mpi_instance_init failed
[1,1]<stderr>:   --> Returned "Unreachable" (-12) instead of "Success" (0)
[1,1]<stderr>: \0
"""
"""Open MPI 5 on a node whose /dev/shm is tiny and that has no interface but the loopback."""


def test_ranks_that_cannot_reach_each_other_are_no_riddle(tmp_path: Path) -> None:
    attempt = AttemptDirectory(tmp_path)
    attempt.stderr.write_text(UNREACHABLE)
    assert first_cause(attempt, manifest(), 14) == (
        "Open MPI: not enough space for /dev/shm/sm_segment.n1.0.a8900001.0; At least one pair of MPI processes are "
        "unable to reach each other; ompi_mpi_init: ompi_mpi_instance_init failed"
    )
    attempt.stderr.write_text("[1,0]<stderr>: the library says why\n[1,0]<stderr>: \0\n")
    assert first_cause(attempt, manifest(), 14).endswith("there is no result: the library says why")


def rank_error(
    attempt: AttemptDirectory, rank: int, time: float, communication: bool, host: str = "h", step: int = 0
) -> None:
    attempt.errors.mkdir(parents=True, exist_ok=True)
    words = {"kind": "ValueError", "message": f"of {rank}", "host": host, "step": step}
    write_json(
        attempt.errors / f"rank-{rank}.json",
        {"rank": rank, "time": time, "communication": communication, **words},
    )


def test_the_first_error_of_a_ranks_own_is_the_cause(tmp_path: Path) -> None:
    attempt = AttemptDirectory(tmp_path)
    rank_error(attempt, 0, time=1.0, communication=True)
    rank_error(attempt, 2, time=3.0, communication=False)
    rank_error(attempt, 1, time=2.0, communication=False)
    assert first_cause(attempt, manifest(), 1) == "rank 1 on h: ValueError: of 1"


def test_what_survivors_say_counts_only_when_nothing_else_does(tmp_path: Path) -> None:
    attempt = AttemptDirectory(tmp_path)
    rank_error(attempt, 0, time=1.0, communication=True)
    assert "of 0" in first_cause(attempt, manifest(), 1)
    attempt.stderr.write_text(PRTERUN)
    assert "signal 9" in first_cause(attempt, manifest(), 1)


def test_without_any_word_the_launchers_last_line_is_shown(tmp_path: Path) -> None:
    attempt = AttemptDirectory(tmp_path)
    attempt.stderr.write_text("something\nno slots available\n-----\n")
    assert first_cause(attempt, manifest(), 7).endswith("no slots available")


WANTED = {"11": Job("orchestrator:c/r#1", "r", 0.0), "12": Job("orchestrator:c/s#1", "s", 0.0)}


def accounting(*rows: tuple[str, ...]) -> str:
    return "".join("\x1f".join(row) + "\n" for row in rows)


def test_slurms_states_become_ours() -> None:
    text = accounting(
        ("11", "CANCELLED by 4000000", "None", "orchestrator:c/r#1", "r"),
        ("12", "PENDING", "Resources", "orchestrator:c/s#1", "s"),
    )
    assert parse_states(text, WANTED) == {
        "11": JobState("cancelled", "was cancelled by user 4000000"), "12": JobState("pending", "Resources"),
    }  # fmt: skip


def test_a_reused_job_id_does_not_answer_for_another_job() -> None:
    assert parse_states(accounting(("11", "COMPLETED", "None", "somebody else's", "another")), WANTED) == {}
    assert parse_states(accounting(("11", "COMPLETED", "None", "orchestrator:c/other#1", "r")), WANTED) == {}


def test_a_sites_plugin_that_rewrites_comments_leaves_a_job_its_id_and_name() -> None:
    assert parse_states(accounting(("11", "FAILED", "None", "project=physics", "r")), WANTED) == {
        "11": JobState("failed")
    }


def test_a_persons_own_comment_stands_beside_the_tag_by_which_a_job_is_known() -> None:
    wanted = {"11": Job("orchestrator:c/r#1", "r", 0.0)}
    lines = accounting(("11", "FAILED", "None", "orchestrator:c/r#1 projectX", "renamed"))
    assert parse_states(lines, wanted) == {"11": JobState("failed")}


def test_where_accounting_keeps_no_comments_the_name_tells_a_job_from_one_of_the_same_id() -> None:
    assert parse_states(accounting(("11", "FAILED", "None", "", "r")), WANTED) == {"11": JobState("failed")}
    assert parse_states(accounting(("11", "FAILED", "None", "", "another")), WANTED) == {}


def test_pending_tasks_of_an_array_that_share_a_line_are_told_apart() -> None:
    wanted = {name: Job("t", "l", 0.0) for name in ("7_0", "7_2", "7_5", "7_6", "7_9")}
    text = accounting(("7_[2,4-6%2]", "PENDING", "Priority", "t", "l"), ("7_0", "RUNNING", "None", "t", "l"))
    pending = JobState("pending", "Priority")
    assert parse_states(text, wanted) == {"7_0": JobState("running"), "7_2": pending, "7_5": pending, "7_6": pending}


@pytest.mark.parametrize("word", ["SUSPENDED", "RESIZING", "STOPPED", "SIGNALING", "STAGE_OUT", "COMPLETING"])
def test_a_job_that_is_held_up_has_not_ended(word: str) -> None:
    assert parse_states(accounting(("11", word, "None", "", "r")), WANTED)["11"].state == "running"


def test_a_state_nobody_has_heard_of_ends_nothing_and_is_shown() -> None:
    found = parse_states(accounting(("11", "QUANTUM", "None", "", "r")), WANTED)
    assert found == {"11": JobState("running", "in a state that Slurm calls QUANTUM")}


@pytest.fixture
def started(tmp_path: Path) -> tuple[RunDirectory, Manifest]:
    directory = RunDirectory(tmp_path)
    directory.attempt(1).path.mkdir()
    return directory, manifest(attempts=1, job_id="11", submitted=now())


def test_a_result_completes_a_run_whatever_the_scheduler_has_forgotten(started: Any) -> None:
    directory, run = started
    directory.attempt(1).result.write_text(json.dumps(sampled(Result)))
    assert judge_run(LocalScheduler(), (directory, run), None).state == "completed"


def test_a_failure_file_decides_before_the_schedulers_word(started: Any) -> None:
    directory, run = started
    directory.attempt(1).failure.write_text(json.dumps(failure_record("failed", "rank 1 died")))
    status = judge_run(LocalScheduler(), (directory, run), JobState("running"))
    assert (status.state, status.cause) == ("failed", "rank 1 died")


def test_a_job_that_is_nowhere_is_lost_only_after_a_while(started: Any) -> None:
    directory, run = started
    assert judge_run(LocalScheduler(), (directory, run), None).state == "running"
    run.submitted -= 2 * VANISHED_SECONDS
    assert judge_run(LocalScheduler(), (directory, run), None).state == "lost"


def test_a_result_completes_a_run_only_when_its_supervisor_or_its_job_has_ended(started: Any) -> None:
    directory, run = started
    directory.attempt(1).result.write_text(json.dumps(sampled(Result)))
    assert judge_run(LocalScheduler(), (directory, run), JobState("running")).state == "running"
    directory.attempt(1).ended.write_text("{}")
    assert judge_run(LocalScheduler(), (directory, run), JobState("running")).state == "completed"


def test_a_job_whose_set_up_failed_shows_the_line_it_failed_with(started: Any) -> None:
    directory, run = started
    directory.jobs.mkdir()
    (directory.jobs / "11_0_log.out").write_text("loading\nModuleCmd_Load.c: unable to locate 'openmpi/9'\n")
    cause = judge_run(SlurmScheduler(), (directory, run), JobState("failed")).cause
    assert cause == "job 11: failed, before any rank started: ModuleCmd_Load.c: unable to locate 'openmpi/9'"


def test_half_a_result_is_no_result(started: Any) -> None:
    directory, run = started
    directory.attempt(1).result.write_text('{"state": "comp')
    assert judge_run(LocalScheduler(), (directory, run), JobState("running")).state == "running"


@pytest.mark.parametrize("name", ["result", "failure"])
def test_a_damaged_record_of_a_job_that_has_ended_is_the_cause(started: Any, name: str) -> None:
    directory, run = started
    (directory.attempt(1).path / f"{name}.json").write_text('{"state": ["completed"]}')
    status = judge_run(LocalScheduler(), (directory, run), JobState("completed"))
    assert status.state == "failed" and status.cause is not None
    assert f"attempt-1/{name}.json: " in status.cause and "is missing" in status.cause


def slot(rank: int, written: float, pid: int = 0, waiting: bool = True) -> AliveSlot:
    """A sign of life; process id 0 is on no node."""
    return AliveSlot(rank, written, pid, "train", 7, waiting)


def test_a_rank_that_gives_no_sign_for_some_periods_has_stopped() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        slots = {0: slot(0, 12.0), 1: slot(1, 6.0, process.pid)}
        assert silent_ranks(slots, {0: 0.4, 1: 2.5}, 2) == "rank 1 stopped responding (stopped by a signal)"
        process.kill()


def test_a_rank_that_is_late_but_gives_signs_is_not_accused() -> None:
    slots = {0: slot(0, 12.0), 1: slot(1, 6.0, waiting=False)}
    assert silent_ranks(slots, {0: 0.1, 1: 1.9}, 2) == "the others wait for rank 1 in phase train, step 7"


def test_a_healthy_rank_that_misses_one_look_is_not_named_with_the_stopped_one() -> None:
    slots = {0: slot(0, 10.0), 1: slot(1, 6.0), 2: slot(2, 10.0)}
    assert silent_ranks(slots, {0: 1.4, 1: 2.5, 2: 2.1}, 3) == "rank 1 stopped responding"


def test_ranks_that_all_fell_silent_at_once_are_not_called_alive() -> None:
    assert silent_ranks({0: slot(0, 10.0), 1: slot(1, 10.2)}, {0: 2.5, 1: 2.3}, 2) == "ranks 0, 1 stopped responding"


def test_ranks_that_give_signs_but_all_wait_are_called_alive() -> None:
    slots = {0: slot(0, 12.0), 1: slot(1, 12.2)}
    assert silent_ranks(slots, {0: 0.3, 1: 0.6}, 2) == "all ranks are alive in phase train, none advances"


def test_a_rank_that_never_started_is_named() -> None:
    assert silent_ranks({0: slot(0, 10.0)}, {0: 0.5}, 2) == "rank 1 never reported"


@pytest.mark.parametrize("ahead", [0.0, 3600.0, -3600.0])
def test_a_stopped_rank_is_found_whatever_the_clock_of_its_host_says(ahead: float) -> None:
    slots = {0: slot(0, 100.0), 1: slot(1, 90.0 + ahead), 2: slot(2, 100.0)}
    assert silent_ranks(slots, {0: 0.4, 1: 2.5, 2: 0.7}, 3) == "rank 1 stopped responding"


def test_the_first_error_is_that_of_the_least_step_and_no_clock_of_two_hosts_decides(tmp_path: Path) -> None:
    """Host a is an hour behind: what its rank died of, after the others, is not the cause."""
    attempt = AttemptDirectory(tmp_path)
    for rank, host, time, step in ((0, "a", -3600.0, 8), (1, "b", 2.0, 7), (2, "b", 1.0, 7)):
        rank_error(attempt, rank, time, communication=False, host=host, step=step)
    assert first_cause(attempt, manifest(), 1) == "rank 2 on b: ValueError: of 2"
