"""Checks before any submission: launcher, communicator, cores and data set."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from orchestrator.campaign.dataset import DataProcess, ensure_dataset
from orchestrator.config.families import missing_packages
from orchestrator.errors import UsageError
from orchestrator.launch.dealing import held_cores
from orchestrator.launch.machine import compare_this_machine
from orchestrator.launch.schedulers import scheduler
from orchestrator.plan import Campaign, plan_warnings
from orchestrator.records import differences, document_hash, sentence
from orchestrator.records.choices import COMMUNICATORS, SCHEDULERS, remedy_for
from orchestrator.records.settings import Configuration
from orchestrator.records.topology import read_topology


def preflight(configs: Sequence[Configuration], campaign: Campaign, console: Console, process: DataProcess) -> None:
    """Raise UsageError for the first thing that would make a run fail. ``process`` looks at the first data set."""
    for config in configs:
        check_communicator(config)
        check_method(config)
        check_scheduler(config)
    check_limits(configs)
    check_promises(configs, console)
    warn_of_crowding(campaign, console)
    for words in plan_warnings(campaign):
        console.print(f"warning: {words}", style="yellow", markup=False, soft_wrap=True)
    prepared: set[str] = set()
    for run in campaign.runs:
        key = repr([run.spec.settings.get("dataset_class"), run.spec.settings["dataset"]])
        if key not in prepared:
            where = Path(run.spec.data_folder)
            if prepared:
                ensure_dataset(run.config, where, console)
            else:
                process.run("ensure", run.config, where, console)
            prepared.add(key)


def check_communicator(config: Configuration) -> None:
    """Raise UsageError unless the communicator's packages are installed, if ranks run in this installation."""
    if config["cluster"]["python"] or config["cluster"]["container"]:
        return
    for package in COMMUNICATORS[config["comm"]].needs:
        if importlib.util.find_spec(package) is None:
            raise UsageError(f"comm={config['comm']} needs {package}, which is not installed: {remedy_for(package)}.")


def check_method(config: Configuration) -> None:
    """Raise UsageError unless the packages that the method needs are installed, if ranks run in this installation."""
    if config["cluster"]["python"] or config["cluster"]["container"]:
        return
    benchmark, method = config["benchmark"]["name"], config["benchmark"]["method"]
    for package, remedy in missing_packages(benchmark, method).items():
        raise UsageError(f"method={method} of {benchmark} needs {package}, which is not installed: {remedy}.")


def check_scheduler(config: Configuration) -> None:
    """Raise UsageError unless the program that submits jobs, or starts ranks here, is installed."""
    cluster = config["cluster"]
    reason = scheduler(cluster["scheduler"]).missing(cluster)
    if reason is not None:
        raise UsageError(f"cluster={cluster['name']} {reason}")


def check_limits(configs: Sequence[Configuration]) -> None:
    """Raise UsageError where a scheduler takes no jobs of the planned sizes, which would wait for ever."""
    nodes: dict[str, set[int]] = {}
    clusters = {document_hash(config["cluster"]): config["cluster"] for config in configs}
    for config in configs:
        nodes.setdefault(document_hash(config["cluster"]), set()).update(config["nodes"])
    for key, cluster in clusters.items():
        reason = scheduler(cluster["scheduler"]).refuses(cluster, sorted(nodes[key]))
        if reason is not None:
            raise UsageError(reason)


def check_promises(configs: Sequence[Configuration], console: Console) -> None:
    """Raise UsageError where a profile of this machine promises another one, and warn where it might."""
    seen = {document_hash(config["cluster"]): config["cluster"] for config in configs}
    for cluster in seen.values():
        compared = compare_this_machine(cluster)
        for wrong in differences(compared, "error"):
            raise UsageError(sentence(cluster, "this machine", wrong))
        for odd in differences(compared, "warning"):
            words = sentence(cluster, "this machine", odd)
            console.print(f"warning: {words}", style="yellow", markup=False, soft_wrap=True)


def warn_of_crowding(campaign: Campaign, console: Console) -> None:
    """Warn if there are more threads than cores for them on this machine: runs then measure each other."""
    cluster = campaign.runs[0].config["cluster"]
    if not SCHEDULERS[cluster["scheduler"]].here:
        return
    topology = read_topology()
    for words in crowding(campaign, cluster["cores_per_node"] or topology.usable_cores, len(held_cores(topology))):
        console.print(f"warning: {words}", style="yellow", markup=False, soft_wrap=True)


def crowding(campaign: Campaign, cores: int, held: int) -> list[str]:
    """Return sentences on runs that will not have cores of their own, on a machine of so many ``cores``, of which other
    runs hold some.
    """
    at_once = min(campaign.runs[0].config["cluster"]["limits"]["max_jobs"], len(campaign.runs))
    largest = sorted(campaign.runs, key=lambda run: -run.spec.ranks * run.spec.threads_per_rank)[:at_once]
    ranks = sum(run.spec.ranks for run in largest)
    threads = sum(run.spec.ranks * run.spec.threads_per_rank for run in largest)
    if threads > cores:
        of_runs = f" of {at_once} runs at once (cluster.limits.max_jobs)" if at_once > 1 else ""
        more = f", {threads} threads" if threads > ranks else ""
        return [f"{ranks} ranks{of_runs}{more} share {cores} cores; throughput and efficiency will show that"]
    if threads > cores - held:
        return [
            f"other runs hold {held} of this machine's {cores} cores, and {threads} are needed: wait for their end, or "
            "they slow each other down"
        ]
    return []
