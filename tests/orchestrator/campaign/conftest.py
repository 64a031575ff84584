"""Runs on disk, and programs in the place of Slurm's commands."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from slurm_programs import Commands

from orchestrator.campaign import following as campaigns
from orchestrator.cli.common import Options
from orchestrator.cli.run import compose_configurations
from orchestrator.launch.base import Run
from orchestrator.plan import Site, plan


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Puts programs on the PATH that log their arguments; returns the log."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    log = tmp_path / "calls"

    def put(**bodies: str) -> Path:
        for name, body in bodies.items():
            program = folder / name
            program.write_text(f'#!/bin/bash\necho "{name} $*" >> {log}\n{body}\n')
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return log

    put(squeue="true", sacct="true", scontrol="true", sinfo="true")
    return put


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., list[Run]]:
    """Makes the runs of a campaign on disk."""

    def make(*words: str, repeats: int = 1, folder: str = "results") -> list[Run]:
        given = ["benchmark=stemdl", "cluster=testcluster", "campaign=c", f"repeats={repeats}", *words]
        configs = compose_configurations(Options([*given, f"results={tmp_path}/{folder}"]))
        return campaigns.create(plan(configs, "stamp", Site(4, tmp_path)), {})

    return make
