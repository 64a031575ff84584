"""What goes wrong on a Slurm machine ends within stated seconds, says why in one line, and leaves nobody behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import Start, nodes_of, read_nodes, testcluster
from verdicts import VERDICTS, Verdict

from orchestrator.records import read_json

pytestmark = [pytest.mark.slurm, pytest.mark.ranks, pytest.mark.usefixtures("cluster")]


def test_a_killed_rank_ends_the_run_and_is_named(start: Start) -> None:
    running = start()
    running.wait_for_step(3)
    running.strike(lambda: os.kill(running.ranks()[-1], signal.SIGKILL))
    answer = running.verdict("one rank killed (-9)", within=30)
    assert (answer.code, running.stored()["state"]) == (1, "failed")
    assert "Killed" in running.stored()["cause"]


def test_a_stopped_rank_is_noticed_after_the_silence_allowed_and_named(start: Start) -> None:
    running = start("cluster.limits.silence_s=6")
    running.wait_for_step(3)
    running.strike(lambda: os.kill(running.ranks()[-1], signal.SIGSTOP))
    answer = running.verdict("one rank stopped (SIGSTOP), 6 s of silence allowed", within=60)
    assert (answer.code, running.stored()["state"]) == (1, "failed")
    assert "stopped responding" in running.stored()["cause"]


def test_scancel_from_outside_is_a_cancelled_run(start: Start) -> None:
    running = start()
    running.wait_for_step(3)
    running.strike(lambda: subprocess.run(["scancel", running.job], check=True))
    answer = running.verdict("scancel from outside", within=30)
    assert (answer.code, running.stored()["state"]) == (1, "cancelled")


@pytest.mark.parametrize(("comm", "who"), [("horovod", "scheduler"), ("mpi", "orchestrator"), ("torch", "scheduler")])
def test_a_preempted_run_stops_with_a_checkpoint_and_goes_on_when_it_may(comm: str, who: str, start: Start) -> None:
    running = start(f"comm={comm}", f"cluster.slurm.requeue={str(who == 'scheduler').lower()}", epochs=25)
    running.wait_for_step(40)
    nodes = f"--nodes={len(read_nodes())}"
    command = ["sbatch", "--partition=urgent", nodes, "--exclusive", "--output=/dev/null", "--wrap=sleep 1"]
    running.strike(lambda: subprocess.run(command, check=True, capture_output=True))
    fault = f"preemption by the urgent partition, comm={comm}, started again by {who}"
    answer = running.verdict(fault, within=150)
    assert answer.code == 0, answer.out
    stored = running.stored()
    assert (stored["state"], stored["attempts"]) == ("completed", 2)
    first = read_json(running.run / "attempt-1" / "failure.json")
    assert (first["state"], first["requeue"]) == ("preempted-requeued", who)
    assert "preempted by Slurm" in first["cause"]
    training = read_json(running.run / "attempt-2" / "result.json")["training"]
    assert (training["steps"], training["samples"], training["redone_s"]) == (25 * 18, 25 * 72, 0.0)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_preempted_run_that_cannot_stop_in_time_and_is_not_requeued_goes_on_as_another_job(
    recorded: bool, start: Start
) -> None:
    """Its ranks are stopped through the grace time; or its supervisor is killed, so that nobody writes why it ended."""
    running = start("nodes=1", "comm=mpi", "cluster.slurm.requeue=false", epochs=25)
    running.wait_for_step(40)
    job = running.job

    def preempt() -> None:
        for rank in running.ranks():
            os.kill(rank, signal.SIGSTOP)
        nodes = f"--nodes={len(read_nodes())}"
        command = ["sbatch", "--partition=urgent", nodes, "--exclusive", "--output=/dev/null", "--wrap=sleep 1"]
        subprocess.run(command, check=True, capture_output=True)
        if not recorded:
            # Stopped, it hears no warning and no SIGTERM, and goes by SIGKILL when the grace time is over.
            os.kill(read_json(running.run / "attempt-1" / "job.json")["pid"], signal.SIGSTOP)

    running.strike(preempt)
    who = "its supervisor" if recorded else "nobody"
    answer = running.verdict(f"preemption without requeue, ranks do not stop, {who} says why", within=150)
    assert answer.code == 0, answer.out
    first = read_json(running.run / "attempt-1" / "failure.json")
    assert (first["state"], first["requeue"]) == ("preempted-requeued", "orchestrator") and "preempted" in first[
        "cause"
    ]
    assert (running.stored()["attempts"], running.starts()) == (2, [2]) and running.job != job


def test_a_task_of_an_array_that_is_put_back_into_the_queue_leaves_the_others_alone(start: Start) -> None:
    running = start("nodes=1", "repeats=3", "cluster.limits.max_jobs=3", "cluster.slurm.requeue=true", epochs=10)
    running.wait_for_step(40)
    jobs = [read_json(path)["job_id"] for path in sorted(running.campaign.glob("*/manifest.json"))]
    array = jobs[-1].partition("_")[0]
    assert jobs == [f"{array}_{task}" for task in range(3)]
    # As Slurm warns a job of its time limit; the last task's own job id is the array's.
    running.strike(lambda: subprocess.run(["scancel", "--batch", "--signal=USR2", jobs[-1]], check=True))
    answer = running.verdict("a warning to one task of an array, which is started again", within=150)
    assert answer.code == 0, answer.out
    with sqlite3.connect(next(running.campaign.parent.glob("*.sqlite*"))) as store:
        attempts = [number for (number,) in store.execute("select attempts from run order by run")]
    assert attempts == [1, 1, 2]


def test_the_time_limit_leaves_a_checkpoint_and_a_timeout(start: Start) -> None:
    running = start("cluster.limits.time_min=1", "cluster.limits.warning_s=30", "cluster.limits.max_attempts=1")
    running.wait_for_step(3)
    running.strike(lambda: None)
    answer = running.verdict("time limit (1 min) reached, the last attempt", within=100)
    assert (answer.code, running.stored()["state"]) == (1, "timeout")
    assert "checkpoint after step" in running.stored()["cause"]
    assert (running.run / "checkpoint" / "state.pt").exists()


@pytest.mark.usefixtures("healed")
def test_a_node_whose_slurmd_dies_is_lost_and_the_run_goes_on_elsewhere(start: Start) -> None:
    running = start(epochs=75)
    running.wait_for_step(40)
    running.strike(lambda: testcluster("fail", nodes_of(running.job)[-1], "daemon"))
    running.wait_for_step(41, attempt=2)
    answer = running.verdict("a node's slurmd killed, an attempt left", within=180)
    assert answer.code == 0, answer.out
    stored = running.stored()
    assert (stored["state"], stored["attempts"]) == ("completed", 2)


@pytest.mark.usefixtures("healed")
def test_a_link_cut_in_an_allreduce_is_a_lost_node(start: Start) -> None:
    running = start("cluster.limits.max_attempts=1")
    running.wait_for_step(3)
    running.strike(lambda: testcluster("fail", nodes_of(running.job)[-1], "link"))
    answer = running.verdict("a node's link cut in an allreduce, no attempt left", within=90)
    assert (answer.code, running.stored()["state"]) == (3, "node-failed")


@pytest.mark.usefixtures("healed")
@pytest.mark.parametrize("daemon", ["slurmctld", "slurmdbd"])
def test_a_run_ends_well_while_a_central_daemon_is_away(daemon: str, start: Start) -> None:
    running = start(epochs=20)
    running.wait_for_step(3)
    running.strike(lambda: testcluster("fail", daemon, "stop"))
    if daemon == "slurmctld":
        time.sleep(2)
        testcluster("heal", daemon)
    answer = running.verdict(f"{daemon} {'restarted' if daemon == 'slurmctld' else 'down'} during the run", within=90)
    assert answer.code == 0, answer.out
    assert (running.stored()["state"], running.stored()["attempts"]) == ("completed", 1)


@pytest.mark.thorough
@pytest.mark.usefixtures("healed")
def test_both_central_daemons_away_for_a_minute_cost_no_run_and_are_said_to_be_the_cause_of_waiting(
    start: Start,
) -> None:
    running = start("nodes=1", "comm=mpi", "repeats=2", "cluster.limits.max_jobs=1", epochs=20)
    running.wait_for_step(3)

    def take_away() -> None:
        for daemon in ("slurmctld", "slurmdbd"):
            testcluster("fail", daemon, "stop")

    running.strike(take_away)
    # The first run ends meanwhile, so that the second one is due.
    time.sleep(60)
    for daemon in ("slurmdbd", "slurmctld"):
        testcluster("heal", daemon)
    answer = running.verdict("slurmctld and slurmdbd away for 60 s, 1 of 2 runs submitted", within=120)
    assert answer.code == 0, answer.out
    assert "Slurm has not answered for" in answer.out
    assert [row["state"] for row in running.stored_runs()] == ["completed", "completed"]
    assert running.starts() == [1, 1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 80 MiB that the nodes share: one device, mounted here and in the nodes' own mount namespaces."""
    folder, image = tmp_path / "disk", tmp_path / "image"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(80 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, folder]).returncode != 0:
        pytest.skip("a small file system needs a loop device (in a container: --privileged)")
    listed = subprocess.run(["losetup", "-n", "-O", "NAME", "-j", image], capture_output=True, text=True, check=True)
    daemons = [path.read_text().strip() for path in Path(os.environ["SLURM_CONF"]).parents[1].glob("pid/slurmd-*.pid")]
    inside = [["nsenter", f"--target={pid}", "--mount"] for pid in daemons]
    for enter in inside:
        subprocess.run([*enter, "mount", listed.stdout.strip(), folder], check=True)
    yield folder
    for enter in inside:
        subprocess.run([*enter, "umount", "-l", folder], check=True)
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_results_file_system_that_fills_up_is_named(start: Start, small_disk: Path) -> None:
    running = start("cluster.limits.silence_s=6", results=small_disk)
    running.wait_for_step(3)

    def fill() -> None:
        with contextlib.suppress(OSError), (small_disk / "filler").open("wb") as filler:
            while True:
                filler.write(bytes(65536))
                filler.flush()

    running.strike(fill)
    out, _ = running.process.communicate(timeout=60)
    seconds = time.monotonic() - running.struck
    assert running.process.returncode == 1, out
    line = next(line for line in out.splitlines() if "full" in line)
    VERDICTS.append(Verdict("results file system full", line.strip(), 1, seconds, len(running.rows())))
    assert running.ranks() == []


def test_an_orchestrator_killed_twenty_times_ends_with_each_run_once(start: Start) -> None:
    running = start("repeats=8", "cluster.limits.max_jobs=2", "nodes=1", "comm=mpi", epochs=2)
    running.struck = time.monotonic()
    process, kills = running.process, 0
    # Moments spread over start-up, submission, watching and collecting alike, the same in every run of the test.
    for number in range(20):
        time.sleep(0.5 + (number * 0.377) % 2.5)
        if process.poll() is not None and number:
            break
        process.kill()
        process.communicate()
        kills += 1
        verb = ["resume", "c"] if running.campaign.exists() else [*running.words, "campaign=c"]
        process = running.start(*verb)
    answer = running.verdict(f"orchestrator killed -9 {kills} times in 8 runs", within=200, process=process)
    assert answer.code == 0, answer.out
    assert kills >= 10
    attempts = [len(list(path.glob("attempt-*/job.json"))) for path in running.campaign.glob("*-r*")]
    assert attempts == [1] * 8
