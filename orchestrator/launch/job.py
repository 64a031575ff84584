"""The parts of a job under any scheduler: the ranks' program, their environment, and the launcher's command line."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from orchestrator.installation.mpi import Mpi, find_mpi
from orchestrator.launch.dealing import Binding, Machine, bind_ranks
from orchestrator.launch.launchers import LAUNCHERS, Ranks
from orchestrator.records import Manifest
from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.settings import ClusterSettings
from orchestrator.records.topology import read_topology

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RankCommand:
    """A command line that starts all ranks, and the variables that it adds to the environment."""

    words: list[str]
    environment: dict[str, str]


def binds_here(manifest: Manifest) -> bool:
    """Whether the ranks of a run share this machine, and each is to have cores of its own on it."""
    cluster = manifest.config["cluster"]
    return SCHEDULERS[cluster["scheduler"]].here and cluster["bind_ranks"]


def planned_binding(manifest: Manifest, machine: Machine) -> Binding | None:
    """Return where a run's ranks will be bound on this machine if no other run holds cores; None if elsewhere."""
    if not binds_here(manifest):
        return None
    spec = manifest.spec
    return bind_ranks(machine, machine.topology.usable, machine.accelerators, spec.ranks, spec.threads_per_rank)


def has_home() -> bool:
    """Whether this user has a home folder, by HOME or by the password file."""
    try:
        return bool(str(Path.home()))
    except RuntimeError:
        return False


def rank_environment(cluster: ClusterSettings, threads: int) -> dict[str, str]:
    """Return the planned threads, the variables that Open MPI needs to run as root, then the profile's variables."""
    environment = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "PYTHONUNBUFFERED": "1",
        # The launcher has bound the rank; OpenMP's own binding would pin the threads that read data to its first core.
        "OMP_PROC_BIND": "false",
        # Accelerators are dealt out by their order on the bus; CUDA's own begins with the fastest.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        # Ranks draw into files, whatever a notebook or a module has set.
        "MPLBACKEND": "Agg",
        # Where the ranks import the workloads from, wherever the job starts.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")])),
    }
    if not has_home():
        # Open MPI ends at once without one: "Failed initializing opal: -1".
        environment["HOME"] = tempfile.gettempdir()
    if os.geteuid() == 0:
        environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return environment | {str(key): str(value) for key, value in cluster["environment"].items()}


def rank_command(
    manifest: Manifest, directory: Path, attempt: int, binding: Binding | None = None, mpi: Mpi | None = None
) -> RankCommand:
    """Return the command that starts the ranks of a run, which bind themselves as told. Raises FileNotFoundError, with
    the remedy, if the launcher is missing.
    """
    cluster = manifest.config["cluster"]
    spec = manifest.spec
    ranks = Ranks(
        spec.nodes,
        spec.ranks_per_node,
        spec.threads_per_rank,
        int(cluster["cores_per_node"] or read_topology().usable_cores),
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
    environment = rank_environment(cluster, spec.threads_per_rank)
    if binding is not None:
        environment |= binding.environment
    return RankCommand(launcher.command(ranks, cluster, mpi, program), environment)
