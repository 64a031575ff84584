"""A run that is stopped and goes on ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from commands import PROJECT, Command, environment
from ranks import EACH_COMMUNICATOR

from orchestrator.records import read_json, read_json_if_whole

pytestmark = pytest.mark.ranks

EPOCHS = 8


@pytest.fixture
def recording(tiny: list[str]) -> list[str]:
    """A run of two ranks on the task that records its samples, 72 of them, about 3 s of training."""
    return [
        *tiny,
        "benchmark.dataset.materials_per_space_group=8",
        "nodes=2",
        "benchmark.task=recording_task:RecordingTask",
        "benchmark.training.batch_size=2",
        f"benchmark.training.epochs={EPOCHS}",
        "benchmark.training.evaluate_every_epochs=2",
        "benchmark.quality.target=1.1",
        "+cluster.environment.STEP_SECONDS=0.02",
    ]


def with_tests() -> dict[str, str]:
    """An environment in which ranks find the recording task."""
    return environment() | {"PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests'}"}


def begin(folder: Path, name: str, words: list[str]) -> subprocess.Popen[bytes]:
    """Start the campaign of that name, which records in a folder of that name."""
    (folder / f"record-{name}").mkdir()
    record = f"+cluster.environment.RECORD_TO={folder / f'record-{name}'}"
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words, record, f"campaign={name}"],
        cwd=folder,
        env=with_tests(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run_folder(folder: Path, name: str) -> Path:
    (found,) = (path.parent for path in (folder / "results" / name).glob("*/manifest.json"))
    return found


def wait_for_step(run: Path, attempt: int, step: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        beat = read_json_if_whole(run / f"attempt-{attempt}" / "heartbeat.json") or {}
        if beat.get("step", 0) >= step:
            return
        time.sleep(0.02)
    raise AssertionError(f"attempt {attempt} did not come to step {step}")


def warn(run: Path) -> None:
    """What a scheduler does when time is nearly up."""
    for path in (run / "job").glob("*.process.json"):
        pid = read_json(path)["pid"]
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGUSR2)


def steps_of(run: Path) -> dict[str, Any]:
    """Losses (R, S) and samples (R, S) of all attempts, one after the other."""
    losses: list[np.ndarray] = []
    samples: list[np.ndarray] = []
    for path in sorted(run.glob("attempt-*/telemetry.h5")):
        with h5py.File(path) as file:
            assert file.attrs["first_step"] == sum(block.shape[1] for block in losses)
            losses.append(file["step/loss"][()])
            samples.append(file["step/samples"][()])
    return {"loss": np.concatenate(losses, axis=1), "samples": np.concatenate(samples, axis=1)}


def trained_on(record: Path) -> list[int]:
    """Numbers of all samples that any rank trained on in any attempt, sorted."""
    return sorted(int(word) for path in record.iterdir() for word in path.read_text().split())


@pytest.mark.thorough
@pytest.mark.parametrize("comm", EACH_COMMUNICATOR)
def test_a_run_stopped_within_an_epoch_goes_on_bit_for_bit(
    comm: str, recording: list[str], tmp_path: Path, orchestrator: Command
) -> None:
    words = [*recording, f"comm={comm}"]
    whole, stopped = begin(tmp_path, "whole", words), begin(tmp_path, "stopped", words)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "results").glob("stopped/*/manifest.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    wait_for_step(run_folder(tmp_path, "stopped"), 1, 20)
    warn(run_folder(tmp_path, "stopped"))
    assert (whole.wait(timeout=120), stopped.wait(timeout=120)) == (2, 2)

    (run,) = orchestrator("report", "stopped", "--json").document["runs"]
    assert (run["state"], run["attempts"]) == ("completed", 2)
    one, two = (run_folder(tmp_path, name) for name in ("whole", "stopped"))
    assert read_json(two / "attempt-1" / "failure.json")["state"] == "preempted-requeued"
    expected, found = steps_of(one), steps_of(two)
    assert found["loss"].shape == (2, 18 * EPOCHS)
    np.testing.assert_array_equal(found["loss"], expected["loss"])
    np.testing.assert_array_equal(found["samples"], expected["samples"])
    assert trained_on(tmp_path / "record-stopped") == sorted(list(range(72)) * EPOCHS)
    qualities = [read_json(path / f"attempt-{n}" / "result.json")["quality"] for path, n in ((one, 1), (two, 2))]
    assert qualities[0] == qualities[1]


@pytest.mark.thorough
def test_what_no_checkpoint_kept_is_done_again_and_its_time_is_counted(recording: list[str], tmp_path: Path) -> None:
    words = [*recording, "comm=mpi", "benchmark.training.checkpoint_every_epochs=4"]
    process = begin(tmp_path, "killed", words)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "results").glob("killed/*/manifest.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    run = run_folder(tmp_path, "killed")
    # The fourth epoch ends with step 72: what comes after is lost.
    wait_for_step(run, 1, 90)
    ranks = subprocess.run(["pgrep", "-f", f"workloads.entry {run}"], capture_output=True, text=True).stdout.split()
    os.kill(int(ranks[-1]), signal.SIGKILL)
    assert process.wait(timeout=60) == 1
    spent = read_json(run / "attempt-1" / "heartbeat.json")["elapsed_s"]
    resume = [sys.executable, "-m", "orchestrator", "resume", "killed"]
    assert subprocess.run(resume, cwd=tmp_path, env=with_tests(), capture_output=True).returncode == 2
    training = read_json(run / "attempt-2" / "result.json")["training"]
    assert (training["steps"], training["samples"]) == (18 * EPOCHS, 72 * EPOCHS)
    assert 0 < training["redone_s"] < spent < training["elapsed_s"]
    assert training["measured_samples"] == 72 * (EPOCHS - 4)
    with h5py.File(run / "attempt-1" / "telemetry.h5") as file:
        assert file["step/total"].shape == (2, 72)
