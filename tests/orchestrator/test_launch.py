"""Command lines of launchers, causes of failures and states of jobs, from what the programs really print."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.installation.mpi import Mpi
from orchestrator.launch.base import JobState
from orchestrator.launch.causes import first_cause
from orchestrator.launch.launchers import LAUNCHERS, Ranks
from orchestrator.launch.slurm_states import parse
from orchestrator.records import AttemptDirectory, Manifest, RunDirectory, RunSpec, now, write_json
from orchestrator.watch import VANISHED_SECONDS, judge

OPEN_MPI = Mpi("wheel", None, Path("/opt/bin/mpirun"), "mpirun (Open MPI) 5.0.11")
MPICH = Mpi("site", None, Path("/opt/bin/mpirun"), "HYDRA build details:")

LOCAL = {"scheduler": "local", "environment": {}, "launcher_options": [], "pmi": "pmix", "bind_ranks": True}


def spec(**changes: Any) -> RunSpec:
    values = {
        "campaign": "c", "run": "r", "benchmark": "stemdl", "cluster": "local", "nodes": 1, "ranks_per_node": 2,
        "threads_per_rank": 1, "repeat": 0, "seed": 1, "comm": "mpi", "mode": "training", "recipe": "small",
        "scale": "single", "settings": {}, "data_folder": "/d", "silence_s": 60.0, "startup_silence_s": 60.0,
    }  # fmt: skip
    return RunSpec(**{**values, **changes})


def manifest(launcher: str = "mpirun", **changes: Any) -> Manifest:
    return Manifest(spec(), {"cluster": {"launcher": launcher}}, "hash", {}, created=now(), **changes)


def test_open_mpi_gives_each_rank_its_own_cores_where_there_are_enough() -> None:
    line = LAUNCHERS["mpirun"].command(Ranks(2, 2, 2, cores=8), LOCAL, OPEN_MPI, ["prog"])
    assert line[:3] == ["/opt/bin/mpirun", "-n", "4"]
    assert "core" in line
    assert line[-1] == "prog"


def test_ranks_without_cores_of_their_own_are_not_bound() -> None:
    line = LAUNCHERS["mpirun"].command(Ranks(4, 1, 1, cores=2), LOCAL, OPEN_MPI, ["prog"])
    assert line[line.index("--bind-to") + 1] == "none"


def test_another_mpi_gets_no_option_of_open_mpis() -> None:
    assert LAUNCHERS["mpirun"].command(Ranks(2, 1, 1, 8), LOCAL, MPICH, ["prog"]) == [
        "/opt/bin/mpirun", "-n", "2", "prog",
    ]  # fmt: skip


def test_a_missing_mpirun_says_what_to_do() -> None:
    with pytest.raises(FileNotFoundError, match="make setup"):
        LAUNCHERS["mpirun"].command(Ranks(1, 1, 1, 1), LOCAL, None, ["prog"])


def test_srun_passes_cores_on_and_ends_all_with_one() -> None:
    line = LAUNCHERS["srun"].command(Ranks(2, 4, 8, 32), LOCAL, None, ["prog"])
    for option in ("--mpi=pmix", "--nodes=2", "--ntasks=8", "--cpus-per-task=8", "--kill-on-bad-exit=1"):
        assert option in line


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


def rank_error(attempt: AttemptDirectory, rank: int, time: float, communication: bool) -> None:
    attempt.errors.mkdir(parents=True, exist_ok=True)
    words = {"kind": "ValueError", "message": f"of {rank}", "host": "h"}
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


WANTED = {"11": ("orchestrator:c/r", 0.0), "12": ("orchestrator:c/s", 0.0)}


def accounting(*rows: tuple[str, str, str, str]) -> str:
    return "".join("\x1f".join(row) + "\n" for row in rows)


def test_slurms_states_become_ours() -> None:
    text = accounting(
        ("11", "CANCELLED by 1000", "None", "orchestrator:c/r"), ("12", "PENDING", "Resources", "orchestrator:c/s")
    )
    assert parse(text, WANTED) == {"11": JobState("cancelled"), "12": JobState("pending", "Resources")}


def test_a_reused_job_id_does_not_answer_for_another_job() -> None:
    assert parse(accounting(("11", "COMPLETED", "None", "somebody else's")), WANTED) == {}


def test_a_state_nobody_has_heard_of_ends_nothing() -> None:
    assert parse(accounting(("11", "QUANTUM", "None", "")), WANTED) == {"11": JobState("running")}


@pytest.fixture
def started(tmp_path: Path) -> tuple[RunDirectory, Manifest]:
    directory = RunDirectory(tmp_path)
    directory.attempt(1).path.mkdir()
    return directory, manifest(attempts=1, job_id="11", submitted=now())


def test_a_result_completes_a_run_whatever_the_scheduler_has_forgotten(started: Any) -> None:
    directory, run = started
    directory.attempt(1).result.write_text(json.dumps({"state": "completed"}))
    assert judge(directory, run, None).state == "completed"


def test_a_failure_file_decides_before_the_schedulers_word(started: Any) -> None:
    directory, run = started
    directory.attempt(1).failure.write_text(json.dumps({"state": "failed", "cause": "rank 1 died"}))
    status = judge(directory, run, JobState("running"))
    assert (status.state, status.cause) == ("failed", "rank 1 died")


def test_a_job_that_is_nowhere_is_lost_only_after_a_while(started: Any) -> None:
    directory, run = started
    assert judge(directory, run, None).state == "running"
    run.submitted -= 2 * VANISHED_SECONDS
    assert judge(directory, run, None).state == "lost"


def test_half_a_result_is_no_result(started: Any) -> None:
    directory, run = started
    directory.attempt(1).result.write_text('{"state": "comp')
    assert judge(directory, run, JobState("running")).state == "running"
