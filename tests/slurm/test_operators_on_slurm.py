"""What administrators, sites and people do to jobs meanwhile costs no run, is said, and ends nothing needlessly."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import PROJECT, Command, environment, eventually
from postgres import running_postgres
from running import Start, read_nodes, testcluster
from verdicts import VERDICTS, Verdict

from orchestrator.records import read_json

pytestmark = [pytest.mark.slurm, pytest.mark.ranks, pytest.mark.usefixtures("cluster")]

HELD = "+cluster.slurm.additional.hold=true"
ALONE = ["nodes=1", "comm=mpi"]
READY = ("idle", "mixed", "allocated", "completing")


def slurm(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


@contextlib.contextmanager
def configured(*lines: str, restart: bool = False) -> Iterator[None]:
    """Lines more in the cluster's configuration; some are read at the controller's start only."""
    path = Path(os.environ["SLURM_CONF"])
    before = path.read_text()

    def read_anew() -> None:
        if restart:
            testcluster("fail", "slurmctld", "stop")
            testcluster("heal", "slurmctld")
        slurm("scontrol", "reconfigure")

    path.write_text("\n".join([before, *lines, ""]))
    read_anew()
    try:
        yield
    finally:
        path.write_text(before)
        read_anew()
        restore_nodes()


def restore_nodes() -> None:
    """Put all nodes back into service."""
    subprocess.run(["scontrol", "update", f"nodename={','.join(read_nodes())}", "state=resume"], capture_output=True)

    def ready() -> bool:
        states = slurm("sinfo", "--noheader", "--Node", "--partition=batch", "--format=%T").split()
        return all(state in READY for state in states)

    assert eventually(ready, 30)


def test_what_administrators_do_to_running_jobs_costs_no_run(start: Start) -> None:
    """One is suspended for longer than silence is allowed, one put back and held, one put back."""
    running = start(
        *ALONE, "repeats=3", "cluster.limits.max_jobs=3", "cluster.slurm.requeue=true", "cluster.limits.silence_s=6",
        epochs=20,
    )  # fmt: skip
    for run in range(3):
        assert eventually(lambda run=run: len(running.jobs()) == 3 and bool(  # type: ignore[misc]
            list(running.manifests()[run].parent.glob("attempt-1/heartbeat.json"))), 90)  # fmt: skip
    running.wait_for_step(5, run=0)  # the one to be suspended, which only counts that while it trains
    suspended, held, requeued = running.jobs()
    running.strike(lambda: slurm("scontrol", "suspend", suspended))
    slurm("scontrol", "requeuehold", held)
    slurm("scontrol", "requeue", requeued)
    began = time.monotonic()
    told = running.wait_until(lambda runs: runs[0]["suspended"] and runs[1]["stuck_s"] is not None)
    assert "suspended by Slurm" in told[0]["reason"] and f"scontrol release {held}" in told[1]["reason"]
    time.sleep(max(0.0, 9 - (time.monotonic() - began)))
    slurm("scontrol", "resume", suspended)
    slurm("scontrol", "release", held)
    answer = running.verdict("jobs suspended 9 s, put back and held, put back by an administrator", within=150)
    assert answer.code == 0, answer.out
    assert [row["state"] for row in running.stored_runs()] == ["completed"] * 3
    assert running.starts() == [1, 2, 2]
    rows = running.stored_runs()
    assert "a rank stood still for" in str(rows[0]["result"])
    assert [row["throughput"] is None for row in rows] == [True, False, False]
    for path in running.manifests()[1:]:
        assert "into the queue" in read_json(path.parent / "attempt-1" / "failure.json")["cause"]


def stop(running: subprocess.Popen[str], number: signal.Signals) -> str:
    running.send_signal(number)
    out, _ = running.communicate(timeout=20)
    assert running.returncode == 128 + number, out
    return out


def hang_up(words: list[str], folder: Path) -> int:
    """Start a command in a terminal, and close the terminal once it follows; its exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words],
        cwd=folder, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    )  # fmt: skip
    os.close(theirs)
    screen = ""
    while "pending" not in screen:
        screen += os.read(ours, 65536).decode(errors="replace")
    os.close(ours)
    return process.wait(20)


def test_watchers_come_and_go_while_a_job_waits_and_it_is_started_once(start: Start) -> None:
    running = start(*ALONE, HELD, epochs=1)
    (told,) = running.wait_until(lambda runs: runs[0]["stuck_s"] is not None)
    assert "held by its user" in told["reason"] and f"scontrol release {running.job}" in told["reason"]
    assert "`resume c` follows it" in stop(running.process, signal.SIGTERM)
    assert hang_up(["resume", "c"], running.folder) == 129
    both = [running.start("resume", "c") for _ in range(2)]
    assert eventually(lambda: any(one.poll() == 75 for one in both), 30), "one of them follows it, and not the other"
    (running.process,) = (one for one in both if one.poll() is None)
    running.strike(lambda: slurm("scontrol", "release", running.job))
    answer = running.verdict("a held job; its watcher ended by SIGTERM, then by SIGHUP; two resume at once", within=60)
    assert answer.code == 0, answer.out
    collecting = [running.start("collect", "c") for _ in range(2)]
    assert [process.wait(60) for process in collecting] == [0, 0]
    assert len(running.rows()) == 1 and running.starts() == [1]


def test_a_job_that_stays_held_is_given_up(start: Start) -> None:
    running = start(*ALONE, HELD, "cluster.limits.stuck_s=3")
    running.strike(lambda: None)
    answer = running.verdict("a job that stays held, cluster.limits.stuck_s=3", within=60)
    assert (answer.code, running.stored()["state"]) == (1, "failed")
    assert "given up after 3 s" in running.stored()["cause"] and "held by its user" in running.stored()["cause"]
    assert slurm("squeue", "--noheader", f"--jobs={running.job}", "--states=pending,running") == ""


def test_cancel_beside_a_watcher_holds(start: Start, orchestrator: Command) -> None:
    running = start(*ALONE, HELD, "repeats=3", "cluster.limits.max_jobs=1")
    running.wait_until(lambda runs: any(run["state"] == "pending" for run in runs))
    running.strike(lambda: orchestrator("cancel", "c"))
    answer = running.verdict("cancel beside a watcher, 1 of 3 runs submitted", within=40)
    assert answer.code == 1
    assert [row["state"] for row in running.stored_runs()] == ["cancelled"] * 3
    assert running.starts() == [0, 0, 0]


def test_a_campaign_waits_while_all_nodes_are_drained(start: Start) -> None:
    nodes = f"nodename={','.join(read_nodes())}"
    slurm("scontrol", "update", nodes, "state=drain", "reason=maintenance")
    try:
        running = start(*ALONE, epochs=1)
        (told,) = running.wait_until(lambda runs: runs[0]["state"] == "pending" and bool(runs[0]["reason"]))
        assert told["stuck_s"] is None, told
    finally:
        running.strike(restore_nodes)
    answer = running.verdict(f"all nodes drained while a job is pending ({told['reason']})", within=60)
    assert (answer.code, running.starts()) == (0, [1]), answer.out


def test_limits_of_jobs_and_arrays_below_a_campaigns_size_are_waited_for(start: Start) -> None:
    user = ["sacctmgr", "--immediate", "modify", "user", "name=root", "set"]
    with configured("MaxArraySize=3", restart=True):
        slurm(*user, "MaxSubmitJobs=2")
        try:
            running = start(*ALONE, "repeats=4", "cluster.limits.max_jobs=4", epochs=1)
            running.strike(lambda: None)
            answer = running.verdict("MaxArraySize=3 and MaxSubmitJobs=2, 4 runs", within=150)
        finally:
            slurm(*user, "MaxSubmitJobs=-1")
    assert answer.code == 0, answer.out
    assert running.starts() == [1] * 4


def test_a_prolog_that_fails_is_named_with_its_node_and_the_job_goes_on_when_released(
    start: Start, tmp_path: Path
) -> None:
    broken, script = tmp_path / "broken", tmp_path / "prolog"
    broken.touch()
    script.write_text(f'#!/bin/sh\n[ "$SLURMD_NODENAME" = n1 ] && [ -e {broken} ] && exit 1\nexit 0\n')
    script.chmod(0o755)
    with configured(f"Prolog={script}"):
        running = start(*ALONE, "cluster.slurm.requeue=true", epochs=1)
        running.strike(lambda: None)
        (told,) = running.wait_until(lambda runs: runs[0]["stuck_s"] is not None)
        for words in ("could not launch it", "prolog", "n1: ", f"scontrol release {running.job}"):
            assert words in told["reason"], told
        broken.unlink()
        slurm("scontrol", "release", running.job)
        answer = running.verdict("a prolog that fails on a node, then `scontrol release`", within=90)
    assert (answer.code, running.starts()) == (0, [1]), answer.out


def test_a_rank_beyond_its_memory_is_out_of_memory(start: Start) -> None:
    with configured("JobAcctGatherParams=OverMemoryKill", "JobAcctGatherFrequency=task=1"):
        running = start(*ALONE, "cluster.slurm.memory_gb=0.2")
        running.strike(lambda: None)
        answer = running.verdict("out of memory: 0.2 GB for a rank", within=60)
    assert (answer.code, running.stored()["state"]) == (1, "failed")
    assert "out of memory (" in running.stored()["cause"] and " of 0.2 GB)" in running.stored()["cause"]


@pytest.fixture
def closable(tmp_path: Path) -> Iterator[Path]:
    """A folder that is writable again after the test, whatever was done to it."""
    folder = tmp_path / "closable"
    folder.mkdir()
    yield folder
    for enter in mount_namespaces():
        subprocess.run([*enter, "umount", "-l", folder], capture_output=True)


def mount_namespaces() -> list[list[str]]:
    """What a command is put behind on this machine and on each node."""
    pids = [path.read_text().strip() for path in Path(os.environ["SLURM_CONF"]).parents[1].glob("pid/slurmd-*.pid")]
    return [[], *(["nsenter", f"--target={pid}", "--mount"] for pid in pids)]


def close(folder: Path) -> None:
    """Make a folder read-only for everybody, root included, here and on the nodes; what is open stays so."""
    for enter in mount_namespaces():
        subprocess.run([*enter, "mount", "--bind", folder, folder], check=True)
        subprocess.run([*enter, "mount", "-o", "remount,bind,ro", folder], check=True)


def test_a_results_folder_that_can_no_longer_be_written_is_named_and_the_run_goes_on_later(
    start: Start, closable: Path
) -> None:
    running = start(*ALONE, "cluster.limits.silence_s=5", "cluster.limits.max_attempts=2", results=closable, epochs=3)
    running.wait_for_step(3)
    running.strike(lambda: close(closable))
    out, _ = running.process.communicate(timeout=60)
    assert running.process.returncode != 0, out
    assert "cannot be written" in out and str(closable) in out
    for enter in mount_namespaces():
        subprocess.run([*enter, "umount", closable], check=True)
    running.process = running.start("resume", str(running.campaign))
    answer = running.verdict("results folder read-only, then writable again and resume", within=90)
    assert (answer.code, running.starts()) == (0, [2]), answer.out


def test_a_store_that_is_locked_at_the_end_has_the_row_when_it_is_free(start: Start) -> None:
    running = start(*ALONE, epochs=2)
    running.wait_for_step(3)
    (store,) = running.campaign.parent.glob("*.sqlite*")
    with contextlib.closing(sqlite3.connect(store)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert eventually(lambda: bool(list(running.run.glob("attempt-1/result.json"))), 60)
        running.strike(lambda: time.sleep(4))
        other.rollback()
    answer = running.verdict("store locked until 4 s after the run's end", within=60)
    assert (answer.code, running.starts()) == (0, [1]), answer.out


def test_a_postgresql_that_is_restarted_meanwhile_has_the_row(start: Start) -> None:
    with running_postgres() as server:
        running = start(*ALONE, f"store.url='{server.url}'", epochs=3)
        running.wait_for_step(3)
        running.strike(server.stop)
        server.start()
        answer = running.verdict("PostgreSQL restarted in mid-run", within=60)
        assert (answer.code, running.starts()) == (0, [1]), answer.out


def test_a_second_user_reads_and_ends_nothing(start: Start) -> None:
    as_nobody = ["runuser", "-u", "nobody", "--"]
    pythons = [sys.executable, shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin") or ""]
    usable = [one for one in pythons if one and subprocess.run([*as_nobody, one, "-c", ""], cwd="/").returncode == 0]
    if not usable:
        pytest.skip("no other user may execute a Python of this version")
    path = os.pathsep.join([str(PROJECT), *(entry for entry in sys.path if entry.endswith("site-packages"))])
    folder = Path(tempfile.mkdtemp(prefix="second-user-"))
    folder.chmod(0o755)
    try:
        running = start(*ALONE, HELD, results=folder / "results")
        running.wait_until(lambda runs: runs[0]["state"] == "pending")
        (folder / "results").chmod(0o755)
        for verb in ("status", "resume", "cancel", "collect"):
            done = subprocess.run(
                [*as_nobody, usable[0], "-m", "orchestrator", verb, "c", f"results={folder}/results"],
                cwd="/", env=environment() | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": path},
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            told = done.stderr.strip()
            VERDICTS.append(Verdict(f"a second user's `{verb}`", told, done.returncode, 0.0, 0, "pending", "0"))
            assert done.returncode == 75 and "Traceback" not in done.stderr, f"{verb}: {done.stderr}"
        assert running.statuses()[0]["state"] == "pending"
        running.strike(lambda: stop(running.process, signal.SIGTERM))
    finally:
        running.clean_up()
        shutil.rmtree(folder)
