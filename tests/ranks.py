"""Programs of tests as real MPI ranks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import PROJECT

from orchestrator.records.choices import COMMUNICATORS

TIMEOUT_S = 180
USUAL, *OTHERS = COMMUNICATORS
EACH_COMMUNICATOR = [USUAL, *(pytest.param(name, marks=pytest.mark.thorough) for name in OTHERS)]
"""For whole runs, whose parts are tested under each communicator anyway."""


def mpirun(ranks: int, *program: str, **further: str) -> subprocess.CompletedProcess[str]:
    """Run Python under mpirun, with further variables in its environment; ranks may outnumber cores."""
    return mpirun_for(TIMEOUT_S, ranks, *program, **further)


def mpirun_for(timeout: float, ranks: int, *program: str, **further: str) -> subprocess.CompletedProcess[str]:
    """The same, for at most so many seconds."""
    launcher = Path(sys.executable).with_name("mpirun")
    options = ["-n", str(ranks), "--bind-to", "none", "--map-by", ":OVERSUBSCRIBE"]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests'}",
        "OMP_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_mpi_yield_when_idle": "1",
        "OMPI_MCA_btl": "^ofi",
        **further,
    }
    return subprocess.run(
        [str(launcher) if launcher.exists() else "mpirun", *options, sys.executable, *program],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
    )
