"""What can be known before a job is submitted is checked before: launcher, communicator, cores, data set."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from orchestrator.campaign.dataset import ensure_dataset
from orchestrator.errors import UsageError
from orchestrator.installation.mpi import find_mpi
from orchestrator.plan import Campaign, warnings
from orchestrator.records.choices import COMMUNICATORS, remedy_for


def preflight(configs: Sequence[Mapping[str, Any]], campaign: Campaign, console: Console) -> None:
    """Raise UsageError for the first thing that would make a run fail."""
    for config in configs:
        check_communicator(config)
        check_launcher(config)
    warn_of_crowding(campaign, console)
    for sentence in warnings(campaign):
        console.print(f"[yellow]warning: {sentence}[/yellow]", soft_wrap=True)
    prepared: set[str] = set()
    for run in campaign.runs:
        key = repr([run.spec.settings.get(name) for name in ("dataset_class", "dataset")])
        if key not in prepared:
            prepared.add(key)
            ensure_dataset(run.config, Path(run.spec.data_folder), console)


def check_communicator(config: Mapping[str, Any]) -> None:
    """The packages of the communicator must be installed, where ranks run in this installation."""
    if config["cluster"]["python"] or config["cluster"]["container"]:
        return
    for package in COMMUNICATORS[config["comm"]].needs:
        if importlib.util.find_spec(package) is None:
            raise UsageError(f"comm={config['comm']} needs {package}, which is not installed: {remedy_for(package)}.")


def check_launcher(config: Mapping[str, Any]) -> None:
    """On this machine there must be an mpirun, on a Slurm machine its commands."""
    name = config["cluster"]["name"]
    if config["cluster"]["scheduler"] == "local" and find_mpi() is None:
        raise UsageError("There is no mpirun: load your site's MPI module, or run `make setup`, which installs one.")
    if config["cluster"]["scheduler"] == "slurm" and shutil.which("sbatch") is None:
        raise UsageError(
            f"cluster={name} needs Slurm, and there is no sbatch here: run this on the machine's login node, "
            "take cluster=local, or get a Slurm to try on with slurm/testcluster."
        )


def warn_of_crowding(campaign: Campaign, console: Console) -> None:
    """More ranks than cores run, but measure the crowd."""
    from orchestrator.launch.job import usable_cores

    clusters = [(run.spec.ranks, run.config["cluster"]) for run in campaign.runs]
    crowds = [
        (ranks, cluster["cores_per_node"] or usable_cores())
        for ranks, cluster in clusters
        if cluster["scheduler"] == "local"
    ]
    ranks, cores = max(crowds, key=lambda crowd: crowd[0] / crowd[1], default=(0, 1))
    if ranks > cores:
        console.print(
            f"[yellow]warning: {ranks} ranks share {cores} cores; throughput and efficiency will show that[/yellow]"
        )
