"""The test cluster is a Slurm as its users expect it, and its faults are what they say."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("cluster")]

TESTCLUSTER = Path(__file__).parents[2] / "slurm" / "testcluster"
NOTICED_WITHIN = 45
HEALED_WITHIN = 30

# n1 sends 4 MB to n2 and prints how long it took until n2 had them all.
TRANSFER = """
import socket, time
if socket.gethostname() == "n2":
    connection, _ = socket.create_server(("", 47001)).accept()
    received = 0
    while received < 4_000_000:
        received += len(connection.recv(1 << 16))
    connection.send(b"!")
else:
    for _ in range(200):
        try:
            connection = socket.create_connection(("n2", 47001))
            break
        except OSError:
            time.sleep(0.1)
    began = time.monotonic()
    connection.sendall(bytes(4_000_000))
    connection.recv(1)
    print(time.monotonic() - began)
"""


def testcluster(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TESTCLUSTER, *words], capture_output=True, text=True, timeout=120, check=False)


testcluster.__test__ = False  # type: ignore[attr-defined]


def status() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(testcluster("status", "--json").stdout)
    return found


def node_status(name: str) -> dict[str, Any]:
    return next(node for node in status()["nodes"] if node["name"] == name)


@pytest.fixture
def healed() -> Iterator[None]:
    yield
    done = testcluster("heal", "all")
    assert done.returncode == 0, done.stderr


class Jobs:
    """Jobs submitted in a test; those still there at its end are cancelled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._submitted: list[str] = []

    def submit(self, command: str, *options: str) -> str:
        output = f"--output={self._folder}/%j.out"
        job = slurm("sbatch", "--parsable", "--time=5", output, *options, f"--wrap={command}").strip()
        self._submitted.append(job)
        return job

    def cancel(self) -> None:
        if self._submitted:
            slurm("scancel", *self._submitted)
            assert eventually(lambda: not slurm("squeue", "--noheader", f"--jobs={self._listed}"), 30)

    @property
    def _listed(self) -> str:
        return ",".join(self._submitted)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    submitted = Jobs(tmp_path)
    yield submitted
    submitted.cancel()


def slurm(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


def state_of(job: str) -> str:
    return slurm("scontrol", "show", "job", job).partition("JobState=")[2].split()[0]


def restarts_of(job: str) -> int:
    return int(slurm("scontrol", "show", "job", job).partition("Restarts=")[2].split()[0])


def test_status_agrees_with_sinfo() -> None:
    lines = slurm("sinfo", "--noheader", "--Node", "--format=%N %T").splitlines()
    assert dict(line.split() for line in lines) == {node["name"]: node["state"] for node in status()["nodes"]}


def test_status_exits_with_0_while_all_is_well() -> None:
    assert testcluster("status").returncode == 0


def test_a_second_up_is_quick_and_says_that_the_cluster_is_up() -> None:
    began = time.monotonic()
    done = testcluster("up")
    assert (done.returncode, "already up" in done.stdout) == (0, True)
    assert time.monotonic() - began < 5


def test_up_with_another_number_of_nodes_is_refused_with_the_way_out() -> None:
    done = testcluster("up", str(len(status()["nodes"]) + 1))
    assert done.returncode == 1
    assert "testcluster down" in done.stderr


def test_a_job_on_two_nodes_sees_two_host_names() -> None:
    assert sorted(slurm("srun", "--nodes=2", "--nodelist=n1,n2", "hostname").split()) == ["n1", "n2"]


def test_nodes_find_each_other_by_name() -> None:
    assert slurm("srun", "--nodes=1", "--nodelist=n1", "getent", "hosts", "n2").split()[0] == "198.18.7.2"


def test_each_node_has_a_shared_memory_of_its_own() -> None:
    name = f"testcluster-{os.getpid()}"
    look = f"touch /dev/shm/{name}-$(hostname); sleep 1; ls /dev/shm | grep -c {name}; rm /dev/shm/{name}-*"
    assert slurm("srun", "--nodes=2", "sh", "-c", look).split() == ["1", "1"]


def test_nodes_share_the_file_system(tmp_path: Path) -> None:
    slurm("srun", "--nodes=2", "--nodelist=n1,n2", "sh", "-c", f"touch {tmp_path}/$(hostname)")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["n1", "n2"]


def test_srun_offers_pmix() -> None:
    listed = subprocess.run(["srun", "--mpi=list"], capture_output=True, text=True, check=True)
    assert "pmix" in (listed.stdout + listed.stderr).split()


def test_accounting_keeps_the_comment_of_a_job(jobs: Jobs) -> None:
    job = jobs.submit("true", "--comment=run seventeen")
    ask = ["sacct", "--allocations", "--noheader", "--parsable2", f"--jobs={job}", "--format=State,Comment,Account"]
    assert eventually(lambda: slurm(*ask).strip() == "COMPLETED|run seventeen|science", 20)


def test_an_unknown_account_is_refused() -> None:
    done = subprocess.run(["sbatch", "--account=nobodys", "--wrap=true"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Invalid account" in done.stderr


def test_an_urgent_job_preempts_a_batch_job_which_is_requeued_and_runs_again(jobs: Jobs) -> None:
    # Nodes of two threads a core are in a partition of their own.
    batch_nodes = [node for node in status()["nodes"] if node["name"].startswith("n")]
    everything = [f"--nodes={len(batch_nodes)}", "--exclusive"]
    batch = jobs.submit("sleep 200", *everything)
    assert eventually(lambda: state_of(batch) == "RUNNING", 10)
    urgent = jobs.submit("true", "--partition=urgent", *everything)
    assert eventually(lambda: state_of(urgent) == "COMPLETED", 45)
    assert eventually(lambda: state_of(batch) == "RUNNING", 60)
    assert restarts_of(batch) == 1


@pytest.mark.usefixtures("healed")
@pytest.mark.parametrize("fault", ["daemon", "link"])
def test_a_lost_node_is_noticed_its_job_fails_and_healing_puts_it_back(fault: str, jobs: Jobs) -> None:
    job = jobs.submit("sleep 200", "--nodelist=n2", "--no-requeue")
    assert eventually(lambda: state_of(job) == "RUNNING", 10)
    assert testcluster("fail", "n2", fault).returncode == 0
    assert list(node_status("n2")["faults"]) == [fault]
    assert eventually(lambda: node_status("n2")["state"].startswith("down"), NOTICED_WITHIN)
    assert testcluster("status").returncode == 3
    assert state_of(job) == "NODE_FAIL"
    began = time.monotonic()
    assert testcluster("heal", "n2").returncode == 0
    assert time.monotonic() - began < HEALED_WITHIN
    assert slurm("srun", "--nodelist=n2", "hostname").strip() == "n2"
    assert eventually(lambda: status()["state"] == "up", 10)


@pytest.mark.measures
@pytest.mark.usefixtures("healed")
def test_a_slow_node_takes_longer_for_the_same_work_than_when_healed() -> None:
    work = "import time; t = time.monotonic(); sum(range(40_000_000)); print(time.monotonic() - t)"

    def seconds() -> float:
        return float(slurm("srun", "--nodelist=n2", "python3", "-c", work))

    testcluster("fail", "n2", "slow", "--share=0.2")
    slow = seconds()
    testcluster("heal", "n2")
    assert slow > 2 * seconds()


@pytest.mark.measures
@pytest.mark.usefixtures("healed")
def test_a_slow_link_takes_longer_for_the_same_bytes(tmp_path: Path) -> None:
    program = tmp_path / "transfer.py"
    program.write_text(TRANSFER)

    def seconds() -> float:
        return float(slurm("srun", "--nodes=2", "--nodelist=n1,n2", "python3", str(program)))

    testcluster("fail", "n2", "slow-link", "--rate=10mbit")
    slow = seconds()
    testcluster("heal", "n2")
    assert slow > 5 * seconds()


@pytest.mark.parametrize("daemon", ["slurmctld", "slurmdbd"])
def test_a_job_runs_on_while_a_central_daemon_is_stopped_and_healed(daemon: str, jobs: Jobs) -> None:
    job = jobs.submit("sleep 100")
    assert eventually(lambda: state_of(job) == "RUNNING", 10)
    assert testcluster("fail", daemon, "stop").returncode == 0
    assert testcluster("status").returncode == 3
    assert testcluster("heal", daemon).returncode == 0
    assert eventually(lambda: state_of(job) == "RUNNING", 30)


@pytest.mark.parametrize(("name", "fault"), [("n1", "stop"), ("slurmctld", "link")])
def test_a_fault_of_the_wrong_kind_is_refused_with_the_right_ones(name: str, fault: str) -> None:
    done = testcluster("fail", name, fault)
    assert done.returncode == 1
    assert "its faults are" in done.stderr


def test_a_fault_on_an_unknown_node_is_refused_with_the_nodes_there_are() -> None:
    done = testcluster("fail", "n99", "link")
    assert done.returncode == 1
    assert "this cluster has n1, n2" in done.stderr
