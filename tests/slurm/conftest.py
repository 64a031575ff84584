"""The test cluster that the tests of this folder need."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import TESTCLUSTER, Running, Start, testcluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, Any]]:
    """The test cluster's status, up and whole; Slurm's commands find it."""
    answer = subprocess.run([TESTCLUSTER, "status", "--json"], capture_output=True, text=True, timeout=60)
    if answer.returncode != 0:
        pytest.skip("no healthy test cluster is up: `slurm/testcluster up 4 --threaded 1` makes one (Debian, as root)")
    status: dict[str, Any] = json.loads(answer.stdout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", status["slurm_conf"])
        yield status


@pytest.fixture
def start(tiny: list[str], tmp_path: Path) -> Iterator[Start]:
    """Starts a run on two nodes that takes ``epochs`` × 18 steps, or × 0.4 s; what it leaves behind is ended."""
    begun: list[Running] = []

    def begin(*words: str, epochs: int = 100000, results: Path | None = None) -> Running:
        common = [
            *tiny,
            "benchmark.dataset.materials_per_space_group=8",
            "cluster=testcluster",
            "nodes=2",
            "benchmark.task=recording_task:RecordingTask",
            "benchmark.training.batch_size=2",
            f"benchmark.training.epochs={epochs}",
            "benchmark.training.stop_at_target=false",
            "benchmark.quality.target=0",
            "+cluster.environment.STEP_SECONDS=0.02",
            "cluster.limits.query_s=1",
            "cluster.limits.longest_query_s=2",
            *([f"results={results}"] if results else []),
        ]
        begun.append(Running(tmp_path, [*common, *words], results))
        return begun[-1]

    yield begin
    for running in begun:
        running.clean_up()


@pytest.fixture
def healed() -> Iterator[None]:
    """Faults of the cluster are undone afterwards."""
    yield
    for name in ("slurmctld", "slurmdbd", "all"):
        testcluster("heal", name)
