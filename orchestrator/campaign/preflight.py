"""Checks before any submission: launcher, communicator, cores and data set."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from orchestrator.campaign.dataset import ensure_dataset
from orchestrator.errors import UsageError
from orchestrator.launch.schedulers import scheduler
from orchestrator.plan import Campaign, warnings
from orchestrator.records.choices import COMMUNICATORS, remedy_for
from orchestrator.records.settings import Configuration


def preflight(configs: Sequence[Configuration], campaign: Campaign, console: Console) -> None:
    """Raise UsageError for the first thing that would make a run fail."""
    for config in configs:
        check_communicator(config)
        check_scheduler(config)
    warn_of_crowding(campaign, console)
    for sentence in warnings(campaign):
        console.print(f"[yellow]warning: {sentence}[/yellow]", soft_wrap=True)
    prepared: set[str] = set()
    for run in campaign.runs:
        key = repr([run.spec.settings.get("dataset_class"), run.spec.settings["dataset"]])
        if key not in prepared:
            prepared.add(key)
            ensure_dataset(run.config, Path(run.spec.data_folder), console)


def check_communicator(config: Configuration) -> None:
    """Raise UsageError unless the communicator's packages are installed, if ranks run in this installation."""
    if config["cluster"]["python"] or config["cluster"]["container"]:
        return
    for package in COMMUNICATORS[config["comm"]].needs:
        if importlib.util.find_spec(package) is None:
            raise UsageError(f"comm={config['comm']} needs {package}, which is not installed: {remedy_for(package)}.")


def check_scheduler(config: Configuration) -> None:
    """Raise UsageError unless the program that submits jobs, or starts ranks here, is installed."""
    cluster = config["cluster"]
    reason = scheduler(cluster["scheduler"]).missing(cluster)
    if reason is not None:
        raise UsageError(f"cluster={cluster['name']} {reason}")


def warn_of_crowding(campaign: Campaign, console: Console) -> None:
    """Warn if there are more ranks than cores: they run, but measure each other."""
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
