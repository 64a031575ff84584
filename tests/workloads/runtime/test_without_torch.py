"""A job that computes nothing does not load torch, which takes longer than all else that it does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import PROJECT

from workloads.runtime.measurement.node import may_have_accelerators


@pytest.mark.ranks
def test_ranks_that_do_nothing_join_count_and_report_without_torch(tmp_path: Path) -> None:
    if may_have_accelerators():
        pytest.skip("torch is asked what the accelerators here are")
    (tmp_path / "torch.py").write_text("raise ImportError('torch was imported')")
    words = ["benchmark=noop", "mode=noop", "nodes=2", "comm=mpi", "cluster=local"]
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{PROJECT}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_any_driver_of_an_accelerator_leaves_the_answer_to_torch(tmp_path: Path) -> None:
    (tmp_path / "nvme0").touch()
    assert not may_have_accelerators(tmp_path)
    for name in ("nvidiactl", "kfd", "nvhost-ctrl-gpu", "dxg"):
        (tmp_path / name).touch()
        assert may_have_accelerators(tmp_path)
        (tmp_path / name).unlink()
