"""Fixtures shared by all tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commands import Answer, Command, environment


@pytest.fixture
def orchestrator(tmp_path: Path) -> Command:
    """Runs ``python -m orchestrator`` in an empty folder."""

    def run(*words: str, timeout: float = 300, cwd: Path = tmp_path) -> Answer:
        answer = subprocess.run(
            [sys.executable, "-m", "orchestrator", *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd,
            env=environment(),
        )
        return Answer(answer.returncode, answer.stdout, answer.stderr)

    return run


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command line whose run takes seconds and learns: few classes, a small network. Its data are made once."""
    data = tmp_path_factory.mktemp("data")
    words = [
        "benchmark=stemdl",
        f"cluster.paths.data={data}",
        "benchmark.dataset.preset=tiny",
        "benchmark.dataset.space_groups=3",
        "benchmark.dataset.materials_per_space_group=8",
        "benchmark.dataset.samples_per_material=4",
        "benchmark.model.width=8",
        "benchmark.training.batch_size=16",
        "benchmark.training.epochs=30",
        "benchmark.quality.target=0.6",
        "benchmark.pictures=false",
    ]
    made = subprocess.run(
        [sys.executable, "-m", "orchestrator", "data", "stemdl", "synthesise", *words[1:]],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=data,
    )
    assert made.returncode == 0, made.stderr
    return words
