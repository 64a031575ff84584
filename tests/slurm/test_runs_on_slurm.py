"""The same command as on one machine, as real multi-node jobs."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from commands import Answer, Command, environment

pytestmark = [pytest.mark.slurm, pytest.mark.ranks, pytest.mark.usefixtures("cluster")]


@pytest.fixture
def on_slurm(tiny: list[str]) -> list[str]:
    return [*tiny, "cluster=testcluster", "benchmark.quality.target=0"]


def hosts_of(answer: Answer) -> list[str]:
    assert answer.code == 0, answer.err + answer.out
    hosts: list[str] = answer.document["runs"][0]["hosts"]
    return hosts


@pytest.mark.parametrize("comm", ["horovod", "mpi", "torch"])
def test_each_communicator_trains_across_nodes(comm: str, on_slurm: list[str], orchestrator: Command) -> None:
    assert hosts_of(orchestrator(*on_slurm, "nodes=2", f"comm={comm}", "--json")) == ["n1", "n2"]


def test_mpirun_inside_the_allocation_does_as_srun(on_slurm: list[str], orchestrator: Command) -> None:
    answer = orchestrator(
        *on_slurm,
        "nodes=2",
        "comm=mpi",
        "cluster.launcher=mpirun",
        "--json",
    )
    assert sorted(hosts_of(answer)) == ["n1", "n2"]


def test_what_the_shell_says_to_sbatch_does_not_leak_into_the_job(
    on_slurm: list[str], orchestrator: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SBATCH_PARTITION", "nowhere")
    monkeypatch.setenv("SLURM_NTASKS", "7")
    assert hosts_of(orchestrator(*on_slurm, "nodes=1", "comm=mpi", "--json")) == ["n1"]


NOOP = ["benchmark=noop", "mode=noop", "cluster=testcluster", "comm=mpi", "nodes=2", "campaign=c"]


@pytest.mark.parametrize(
    "words",
    [
        ("+cluster.slurm.additional.export=NONE", "cluster.launcher=srun"),
        ("+cluster.environment.SLURM_EXPORT_ENV=NONE", "cluster.launcher=mpirun",
         'cluster.setup=["export SRUN_EXPORT_ENV=NONE SLURM_STDOUTMODE=/nowhere/at/all"]'),
    ],
)  # fmt: skip
def test_no_option_or_variable_of_the_job_keeps_from_the_ranks_what_they_need(
    words: tuple[str, ...], orchestrator: Command
) -> None:
    assert sorted(hosts_of(orchestrator(*NOOP, *words, "--json"))) == ["n1", "n2"]


def test_a_job_of_a_named_cluster_is_followed_and_cancelled_there(orchestrator: Command, tmp_path: Path) -> None:
    words = [*NOOP, "+cluster.slurm.additional.clusters=testcluster"]
    answer = orchestrator(*words, "repeats=2", "cluster.limits.max_jobs=2", "--json")
    assert hosts_of(answer) == ["n1", "n2"]
    folders = sorted((tmp_path / "results" / "c").glob("noop-*"))
    ids = [json.loads((folder / "manifest.json").read_text())["job_id"] for folder in folders]
    assert [name.partition("@")[2] for name in ids] == ["testcluster"] * 2
    held = [*words, "campaign=held", "+cluster.slurm.additional.begin=now+1hour", "--detach"]
    assert orchestrator(*held).code == 0
    assert orchestrator("cancel", "held").code == 0
    (run,) = orchestrator("status", "held", "--json").document["campaigns"][0]["runs"]
    assert run["state"] == "cancelled"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cluster.slurm.partition=nowhere"], "there is none of that name; set one of: batch, urgent"),
        (["nodes=99"], "nodes=99: partition batch takes jobs of up to"),
        (["cluster.limits.time_min=1441"], "partition batch takes jobs of up to 1440 min"),
    ],
)
def test_what_a_partition_never_takes_is_refused_before_anything_is_submitted(
    words: list[str], said: str, on_slurm: list[str], orchestrator: Command, tmp_path: Path
) -> None:
    answer = orchestrator(*on_slurm, *words)
    assert answer.code == 64 and said in answer.err, answer.err
    assert not (tmp_path / "results").exists()


def test_what_slurm_refuses_is_its_word_not_a_trace(on_slurm: list[str], orchestrator: Command) -> None:
    answer = orchestrator(*on_slurm, "cluster.slurm.account=nobodys")
    assert answer.code == 1
    assert "Invalid account" in answer.out
    assert "Traceback" not in answer.err


def test_scancel_from_outside_is_a_cancelled_run(on_slurm: list[str], orchestrator: Command, tmp_path: Path) -> None:
    words = [*on_slurm, "nodes=2", "comm=mpi", "benchmark.quality.target=1.1", "benchmark.training.epochs=100000"]
    running = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words, "campaign=c"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    manifest = wait_for_training(tmp_path)
    subprocess.run(["scancel", "--full", manifest["job_id"]], check=True)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "cancelled" in out
    (run,) = orchestrator("report", "c", "--json").document["runs"]
    assert run["state"] == "cancelled"
    left = subprocess.run(["pgrep", "-f", f"workloads.entry {tmp_path}"], capture_output=True, text=True)
    assert left.stdout == ""


def wait_for_training(folder: Path) -> dict[str, Any]:
    """The manifest of the campaign's run, once its ranks have made a step."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for path in folder.glob("results/c/*/attempt-1/heartbeat.json"):
            if json.loads(path.read_text())["step"]:
                found: dict[str, Any] = json.loads((path.parents[1] / "manifest.json").read_text())
                return found
        time.sleep(0.1)
    raise AssertionError("training did not begin")


def test_the_doctor_finds_a_machine_fit_by_a_job_on_a_node(orchestrator: Command) -> None:
    answer = orchestrator("doctor", "cluster=testcluster", "--json")
    found = {item["subject"]: item["state"] for item in answer.document["findings"]}
    assert (found["partition"], found["srun --mpi"], found["job"], found["on a node: torch"]) == ("ok",) * 4


@pytest.mark.parametrize(
    ("override", "subject", "remedy"),
    [
        ("cluster.slurm.partition=bach", "partition", "batch, urgent"),
        ("cluster.pmi=pmix_v5", "srun --mpi", "pmix"),
        ("cluster.slurm.account=nobodys", "job", "cluster.slurm"),
        ("cluster.setup=[false]", "job", "cluster.setup"),
    ],
)
def test_the_doctor_says_what_is_wrong_and_what_would_be_right(
    override: str, subject: str, remedy: str, orchestrator: Command
) -> None:
    answer = orchestrator("doctor", "cluster=testcluster", override, "--json")
    assert answer.code == 1
    (finding,) = [item for item in answer.document["findings"] if item["subject"] == subject]
    assert finding["state"] == "error"
    assert remedy in finding["remedy"]


def test_a_detached_campaign_is_finished_by_resume(on_slurm: list[str], orchestrator: Command) -> None:
    words = ["benchmark=noop", "mode=noop", "cluster=testcluster", "comm=mpi", "nodes=2", "campaign=c"]
    left = orchestrator(*words, "--detach")
    assert left.code == 0, left.err
    done = orchestrator("resume", "c", "--json")
    assert done.code == 0, done.err
    assert [run["state"] for run in done.document["runs"]] == ["completed"]
    assert done.document["runs"][0]["attempts"] == 1


def answering(words: list[str], folder: Path, answer: str) -> tuple[int, str]:
    """At a terminal: Ctrl-C once a rank trains, then that answer; the exit code and what stood on the screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words],
        cwd=folder, env=environment() | {"COLUMNS": "200"}, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    os.close(theirs)
    screen, asked = "", False
    deadline = time.monotonic() + 120
    with contextlib.suppress(OSError):  # The terminal is gone when its last process is.
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.2)[0]:
                screen += os.read(ours, 65536).decode(errors="replace")
            if not asked and "ranks alive" in screen and "epoch" in screen:
                process.send_signal(signal.SIGINT)
                asked = True
            if answer and "[d/c]" in screen:
                os.write(ours, f"{answer}\n".encode())
                answer = ""
    os.close(ours)
    return process.wait(30), screen


@pytest.mark.parametrize(("answer", "state"), [("d", "running"), ("c", "cancelled")])
def test_ctrl_c_at_a_terminal_asks_whether_jobs_go_on(
    answer: str, state: str, on_slurm: list[str], orchestrator: Command, tmp_path: Path
) -> None:
    endless = ["nodes=2", "comm=mpi", "campaign=c", "benchmark.training.epochs=100000"]
    never = ["benchmark.training.stop_at_target=false"]
    try:
        code, screen = answering([*on_slurm, *endless, *never], tmp_path, answer)
        (told,) = orchestrator("status", "c", "--json").document["campaigns"]
        (run,) = told["runs"]
        assert run["state"] == state, screen
        assert code == (0 if answer == "d" else 1), screen
    finally:
        orchestrator("cancel", "c")
