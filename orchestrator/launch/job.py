"""The parts of a job under any scheduler: the ranks' program, their environment, and the launcher's command line."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from orchestrator.installation.mpi import Mpi, find_mpi
from orchestrator.launch.launchers import LAUNCHERS, Ranks
from orchestrator.records import Manifest
from orchestrator.records.settings import ClusterSettings

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RankCommand:
    """A command line that starts all ranks, and the variables that it adds to the environment."""

    words: list[str]
    environment: dict[str, str]


def usable_cores() -> int:
    """Return the physical cores that this process may use. Hardware threads of one core count once."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def rank_environment(cluster: ClusterSettings, threads: int) -> dict[str, str]:
    """Return the planned threads, the variables that Open MPI needs to run as root, then the profile's variables."""
    environment = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "PYTHONUNBUFFERED": "1",
        # The launcher has bound the rank; OpenMP's own binding would pin the threads that read data to its first core.
        "OMP_PROC_BIND": "false",
        # Ranks draw into files, whatever a notebook or a module has set.
        "MPLBACKEND": "Agg",
        # Where the ranks import the workloads from, wherever the job starts.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")])),
    }
    if os.geteuid() == 0:
        environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return environment | {str(key): str(value) for key, value in cluster["environment"].items()}


def rank_command(
    manifest: Manifest, directory: Path, attempt: int, cores: int | None = None, mpi: Mpi | None = None
) -> RankCommand:
    """Return the command that starts the ranks of a run. Raises FileNotFoundError, with the remedy, if the launcher is
    missing.
    """
    cluster = manifest.config["cluster"]
    spec = manifest.spec
    ranks = Ranks(
        spec.nodes,
        spec.ranks_per_node,
        spec.threads_per_rank,
        int(cluster["cores_per_node"] or cores or usable_cores()),
    )
    python = cluster["python"] or sys.executable
    program = [
        *cluster["container"],
        python,
        "-m",
        "workloads.entry",
        str(directory),
        "--attempt",
        str(attempt),
    ]
    launcher = LAUNCHERS[cluster["launcher"]]
    if cluster["launcher"] == "mpirun":
        mpi = mpi or find_mpi()
    return RankCommand(launcher.command(ranks, cluster, mpi, program), rank_environment(cluster, spec.threads_per_rank))
