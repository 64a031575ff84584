"""Turns a resolved configuration into a campaign of run specifications. Pure: equal input, equal plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from orchestrator.config.validate import node_counts
from orchestrator.records import RunSpec, document_hash


@dataclass(frozen=True)
class PlannedRun:
    """A run specification with the configuration that it came from."""

    spec: RunSpec
    config: dict[str, Any]
    config_hash: str


@dataclass(frozen=True)
class Campaign:
    """One invocation's runs, in the order in which they are to be started."""

    name: str
    results: Path
    runs: tuple[PlannedRun, ...]

    @property
    def folder(self) -> Path:
        """Where the runs' folders are."""
        return self.results / self.name


@dataclass(frozen=True)
class Site:
    """What a plan depends on beside the configuration: the cores of this machine and where the command was given."""

    cores: int
    folder: Path


def science_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a configuration that decides what is measured: not where results go or data came from."""
    science = {key: value for key, value in config.items() if key not in ("campaign", "results", "store", "watch")}
    return {**science, "benchmark": {key: value for key, value in config["benchmark"].items() if key != "download"}}


def threads_per_rank(config: Mapping[str, Any], cores: int) -> int:
    """Cores divided among the ranks that share them, at least 1.

    Under a scheduler the ranks of one node share its cores; on this machine the ranks of all "nodes" do. Every scale of
    a campaign gets what the largest one can have: a "node" that shrank as others joined would hide all scaling.
    """
    cluster = config["cluster"]
    if cluster["threads_per_rank"]:
        return int(cluster["threads_per_rank"])
    sharing = cluster["ranks_per_node"] * (max(node_counts(config["nodes"])) if cluster["scheduler"] == "local" else 1)
    return max(1, int(cluster["cores_per_node"] or cores) // int(sharing))


def settings_at(config: Mapping[str, Any], nodes: int) -> dict[str, Any]:
    """The benchmark's settings at a node count: under strong scaling the global batch is that of the smallest one."""
    settings = {key: value for key, value in config["benchmark"].items() if key != "download"}
    if config["cluster"]["one_machine"] and settings["probe"]["at_once"] is None:
        settings["probe"] = {**settings["probe"], "at_once": 1}
    training = settings["training"] = {**settings["training"]}
    if config["scale"]["mode"] == "strong" and training["global_batch_size"] is None:
        smallest = min(node_counts(config["nodes"]))
        training["global_batch_size"] = training["batch_size"] * smallest * config["cluster"]["ranks_per_node"]
    return settings


def run_name(config: Mapping[str, Any], nodes: int, repeat: int) -> str:
    """The run's name, the same for the same configuration."""
    mode = [] if config["mode"] == "training" else [config["mode"]]
    parts = [config["benchmark"]["name"], config["recipe"], *mode, config["comm"], f"n{nodes}", f"r{repeat}"]
    return "-".join(parts)


def plan_runs(config: Mapping[str, Any], campaign: str, site: Site) -> list[PlannedRun]:
    """The runs of one configuration: node counts × repeats."""
    data = Path(config["cluster"]["paths"]["data"])
    digest = document_hash(science_of(config))
    runs = []
    for nodes in node_counts(config["nodes"]):
        for repeat in range(config["repeats"]):
            spec = RunSpec(
                campaign=campaign,
                run=run_name(config, nodes, repeat),
                benchmark=config["benchmark"]["name"],
                cluster=config["cluster"]["name"],
                nodes=nodes,
                ranks_per_node=config["cluster"]["ranks_per_node"],
                threads_per_rank=threads_per_rank(config, site.cores),
                repeat=repeat,
                seed=config["seed"] + repeat,
                comm=config["comm"],
                mode=config["mode"],
                recipe=config["recipe"],
                scale=config["scale"]["mode"],
                settings=settings_at(config, nodes),
                data_folder=str(site.folder / data),
                silence_s=config["cluster"]["limits"]["silence_s"],
                startup_silence_s=config["cluster"]["limits"]["startup_silence_s"],
                scratch_folder=config["cluster"]["paths"]["scratch"],
            )
            runs.append(PlannedRun(spec, dict(config), digest))
    return runs


def campaign_name(configs: Sequence[Mapping[str, Any]], stamp: str) -> str:
    """The name given, else one from the time, the benchmarks and the configuration."""
    given = configs[0].get("campaign")
    if given:
        return str(given)
    benchmarks = "+".join(dict.fromkeys(config["benchmark"]["name"] for config in configs))[:40].replace("+", "-")
    digest = document_hash([science_of(config) for config in configs])[:6]
    return f"{stamp}-{benchmarks}-{digest}"


def plan(configs: Sequence[Mapping[str, Any]], stamp: str, site: Site) -> Campaign:
    """The campaign of all configurations. ``stamp`` is the time, as it shall appear in the campaign's name.

    Raises ValueError if two configurations of a sweep differ in nothing that a run's name shows.
    """
    name = campaign_name(configs, stamp)
    runs = [run for config in configs for run in plan_runs(config, name, site)]
    names = [run.spec.run for run in runs]
    if len(set(names)) != len(names):
        # Sweeps over keys that the name does not show: number them.
        runs = [renamed(run, index) for index, run in enumerate(runs)]
    if configs[0]["scale"]["shuffle"]:
        runs = shuffled(runs, configs[0]["seed"])
    return Campaign(name, site.folder / configs[0]["results"], tuple(runs))


def shuffled(runs: Sequence[PlannedRun], seed: int) -> list[PlannedRun]:
    """The runs in the order in which they are started: one repeat of everything after the other, each in its own random
    order (randomised blocks, Fisher 1935), so that a machine that drifts meanwhile does not look like scaling.
    """
    random = Random(f"order {seed}")
    order: list[PlannedRun] = []
    for repeat in sorted({run.spec.repeat for run in runs}):
        block = [run for run in runs if run.spec.repeat == repeat]
        random.shuffle(block)
        order += block
    return order


def undivided(campaign: Campaign) -> list[str]:
    """A sentence for each scale at which a global batch gives some ranks a sample more than others."""
    found = {}
    for run in campaign.runs:
        batch, ranks = run.spec.settings["training"]["global_batch_size"], run.spec.ranks
        if batch is not None and batch % ranks:
            found[run.spec.benchmark, run.spec.recipe, batch, ranks] = (
                f"{run.spec.benchmark}: a global batch of {batch} does not divide by the {ranks} ranks of "
                f"nodes={run.spec.nodes}: {batch % ranks} of them get {batch // ranks + 1} samples a step, the others "
                f"{batch // ranks} and wait, which costs up to {100 * (1 - batch / ranks / (batch // ranks + 1)):.0f} %"
            )
    return [found[key] for key in sorted(found)]


def renamed(run: PlannedRun, index: int) -> PlannedRun:
    """The run under its name with a number."""
    return replace(run, spec=replace(run.spec, run=f"{run.spec.run}-{index}"))
