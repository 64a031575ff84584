"""What goes wrong ends within seconds, names its first cause, and leaves nobody behind."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Answer, Command, environment
from ranks import EACH_COMMUNICATOR

from orchestrator.records import read_json_if_whole

pytestmark = pytest.mark.ranks


class Running:
    """An orchestrator under way in a folder of its own."""

    def __init__(self, folder: Path, words: list[str]) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *words, "campaign=c"],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A suite that runs in the background of a shell passes on that SIGINT is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def ranks(self) -> list[int]:
        answer = subprocess.run(["pgrep", "-f", f"workloads.entry {self.folder}"], capture_output=True, text=True)
        found = []
        for pid in map(int, answer.stdout.split()):
            with contextlib.suppress(OSError):
                if b"mpirun" not in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]:
                    found.append(pid)
        return found

    def wait_for_training(self, run: str = "*") -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for path in self.folder.glob(f"results/c/{run}/attempt-1/heartbeat.json"):
                if (read_json_if_whole(path) or {}).get("step"):
                    return
            time.sleep(0.05)
        raise AssertionError("training did not begin")

    def end(self, seconds: float) -> Answer:
        out, err = self.process.communicate(timeout=seconds)
        return Answer(self.process.returncode, out, err)

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.communicate(timeout=30)


Start = Callable[[list[str]], Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an orchestrator that does not outlive its test."""
    begun: list[Running] = []

    def begin(words: list[str]) -> Running:
        begun.append(Running(tmp_path, words))
        return begun[-1]

    yield begin
    for running in begun:
        running.clean_up()


@pytest.fixture
def endless(tiny: list[str]) -> list[str]:
    """A run on two ranks that would go on for minutes."""
    return [*tiny, "nodes=2", "benchmark.quality.target=1.1", "benchmark.training.epochs=100000"]


def processes_of(folder: Path) -> list[str]:
    """Command lines of whatever still runs in the folder."""
    return subprocess.run(["pgrep", "-af", str(folder)], capture_output=True, text=True).stdout.splitlines()


def stored(orchestrator: Command) -> dict[str, Any]:
    runs: list[dict[str, Any]] = orchestrator("report", "c", "--json").document["runs"]
    (run,) = runs
    return run


@pytest.mark.parametrize("comm", EACH_COMMUNICATOR)
def test_a_killed_rank_ends_the_run_within_seconds(
    start: Start, comm: str, endless: list[str], tmp_path: Path, orchestrator: Command
) -> None:
    running = start([*endless, f"comm={comm}"])
    running.wait_for_training()
    os.kill(running.ranks()[-1], signal.SIGKILL)
    answer = running.end(15)
    assert answer.code == 1
    assert "signal 9" in answer.out
    assert processes_of(tmp_path) == []
    assert (stored(orchestrator)["state"], stored(orchestrator)["attempts"]) == ("failed", 1)


@pytest.mark.thorough
def test_one_failed_scale_of_a_sweep_does_not_lose_the_others(
    start: Start, tiny: list[str], orchestrator: Command
) -> None:
    words = ["comm=mpi", "nodes=[1,2,3]", "benchmark.training.epochs=12", "benchmark.training.stop_at_target=false"]
    running = start([*tiny, *words, "benchmark.quality.target=0"])
    running.wait_for_training("*-n2-*")
    os.kill(running.ranks()[-1], signal.SIGKILL)
    answer = running.end(90)
    assert answer.code == 1
    runs = orchestrator("report", "c", "--json").document["runs"]
    assert [(run["nodes"], run["state"]) for run in runs] == [(1, "completed"), (2, "failed"), (3, "completed")]


@pytest.mark.parametrize("comm", EACH_COMMUNICATOR)
def test_a_stopped_rank_is_noticed_after_the_silence_allowed_and_named(
    start: Start, comm: str, endless: list[str], tmp_path: Path, orchestrator: Command
) -> None:
    running = start([*endless, f"comm={comm}", "cluster.limits.silence_s=4"])
    running.wait_for_training()
    os.kill(max(running.ranks()), signal.SIGSTOP)
    answer = running.end(25)
    assert answer.code == 1
    assert "stopped responding (stopped by a signal)" in answer.out
    assert processes_of(tmp_path) == []
    assert "no progress" in stored(orchestrator)["cause"]


def test_ctrl_c_ends_the_run_and_records_it(
    start: Start, endless: list[str], tmp_path: Path, orchestrator: Command
) -> None:
    running = start(endless)
    running.wait_for_training()
    running.process.send_signal(signal.SIGINT)
    answer = running.end(20)
    assert answer.code == 1
    assert processes_of(tmp_path) == []
    assert stored(orchestrator)["state"] == "cancelled"


def test_cancel_ends_what_another_shell_started(
    start: Start, endless: list[str], tmp_path: Path, orchestrator: Command
) -> None:
    running = start(endless)
    running.wait_for_training()
    assert orchestrator("cancel", "c").code == 0
    assert running.end(20).code == 1
    assert processes_of(tmp_path) == []
    assert stored(orchestrator)["state"] == "cancelled"


def test_a_diverging_loss_names_itself_and_a_remedy(tiny: list[str], orchestrator: Command) -> None:
    answer = orchestrator(
        *tiny, "benchmark.training.optimizer.name=sgd", "benchmark.training.optimizer.learning_rate=1e30"
    )
    assert answer.code == 2
    assert "NonFiniteLossError: the loss is" in answer.out and "the model diverged" in answer.out
    assert "lower benchmark.training.optimizer.learning_rate" in answer.out


@pytest.mark.thorough
def test_the_time_limit_ends_a_run_as_a_timeout(endless: list[str], tmp_path: Path, orchestrator: Command) -> None:
    # The shortest limit is a minute, and its warning comes at half of it.
    answer = orchestrator(*endless, "cluster.limits.time_min=1", "cluster.limits.max_attempts=1", "campaign=c")
    assert answer.code == 1
    assert stored(orchestrator)["state"] == "timeout"
    assert "checkpoint after step" in stored(orchestrator)["cause"]
    assert processes_of(tmp_path) == []


@pytest.fixture
def own_data(tiny: list[str], tmp_path: Path) -> tuple[list[str], Path]:
    """The tiny run with a copy of its data that may be damaged."""
    folder = next(Path(word.split("=", 1)[1]) for word in tiny if word.startswith("cluster.paths.data="))
    shutil.copytree(folder, tmp_path / "damaged")
    return [*tiny, f"cluster.paths.data={tmp_path / 'damaged'}"], tmp_path / "damaged"


def test_a_truncated_data_file_is_named_before_anything_starts(
    own_data: tuple[list[str], Path], orchestrator: Command, tmp_path: Path
) -> None:
    words, folder = own_data
    victim = next(folder.rglob("training-*.h5"))
    os.truncate(victim, victim.stat().st_size // 2)
    answer = orchestrator(*words)
    assert answer.code == 64
    assert victim.name in answer.err
    assert not (tmp_path / "results").exists()


def test_a_data_file_that_goes_missing_is_named(own_data: tuple[list[str], Path], orchestrator: Command) -> None:
    words, folder = own_data
    victim = next(folder.rglob("evaluation-*.h5"))
    victim.unlink()
    answer = orchestrator(*words)
    assert answer.code == 64
    assert victim.name in answer.err


def test_a_results_folder_that_cannot_be_written_is_refused(tiny: list[str], orchestrator: Command) -> None:
    answer = orchestrator(*tiny, "results=/proc/results")
    assert answer.code == 64
    assert "/proc" in answer.err
    assert "results=FOLDER" in answer.err


def test_a_missing_mpirun_is_said_with_the_remedy(tiny: list[str], tmp_path: Path) -> None:
    code = (
        "import orchestrator.launch.local as local, sys\n"
        "local.find_mpi = lambda: None\n"
        "from orchestrator.__main__ import main\n"
        f"sys.exit(main({tiny!r}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment()
    )
    assert answer.returncode == 64
    assert "orchestrator setup" in answer.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 80 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_results_file_system_that_fills_up_is_named(
    start: Start, endless: list[str], tmp_path: Path, small_disk: Path
) -> None:
    running = start([*endless, f"results={small_disk}", "cluster.limits.silence_s=10"])
    deadline = time.monotonic() + 60
    while not list(small_disk.glob("c/*/attempt-1/heartbeat.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb") as filler:
        while True:
            filler.write(bytes(65536))
            filler.flush()
    answer = running.end(60)
    assert answer.code == 1
    assert "full" in answer.out
    assert processes_of(small_disk) == []
