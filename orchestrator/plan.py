"""Turns a resolved configuration into a campaign of run specifications. Pure: equal input, equal plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Literal, cast

from orchestrator.config.validate import MOST_RUNS, lookup
from orchestrator.errors import UsageError
from orchestrator.records import RunSpec, choice_words, document_hash, global_batch
from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.settings import Configuration, Settings, TrainingSettings

CHOICE: tuple[Literal["dataset_name", "method"], ...] = ("dataset_name", "method")
"""Keys of a benchmark that name its data set and its method."""

SCALES_AND_REPEATS = ("nodes", "repeats", "seed", "scale.nodes", "scale.repeats")
"""Settings in which the runs of one problem may differ: those that make its scales and its repeats."""

ONE_A_CAMPAIGN = (
    "campaign", "results", "store.url", "watch.interval_s", "scale.shuffle", "cluster.scheduler",
    "cluster.limits.max_jobs",
)  # fmt: skip
"""Settings that a campaign has once, whatever it sweeps over."""


@dataclass(frozen=True)
class PlannedRun:
    """A run specification with the configuration that it came from."""

    spec: RunSpec
    config: Configuration
    config_hash: str


@dataclass(frozen=True)
class Campaign:
    """One invocation's runs, in the order in which they are to be started."""

    name: str
    results: Path
    runs: tuple[PlannedRun, ...]

    @property
    def folder(self) -> Path:
        """The folder of the runs' folders."""
        return self.results / self.name


@dataclass(frozen=True)
class Site:
    """The facts that a plan depends on beside the configuration: this machine's cores and the current folder."""

    cores: int
    folder: Path


def science_of(config: Configuration) -> dict[str, Any]:
    """The part of a configuration that decides what is measured: not where results go or data came from."""
    science = {key: value for key, value in config.items() if key not in ("campaign", "results", "store", "watch")}
    names = {} if not choice_of(config) else {key: config["benchmark"][key] for key in CHOICE}
    return {**science, "benchmark": {**settings_of_benchmark(config), **names}}


def settings_of_benchmark(config: Configuration) -> Settings:
    """What a rank is told of the benchmark; data set and method have fields of their own in RunSpec."""
    left_out = ("download", "better", "published", *CHOICE)
    # What is left out is what BenchmarkSettings adds to Settings.
    return cast("Settings", {key: value for key, value in config["benchmark"].items() if key not in left_out})


def choice_of(config: Configuration) -> list[str]:
    """Data set and method, where the benchmark has more than the one of each that goes without saying."""
    benchmark = config["benchmark"]
    return choice_words(str(benchmark.get("name")), *(benchmark.get(key) for key in CHOICE))


@dataclass(frozen=True)
class Extent:
    """The least and the greatest node count at which a campaign measures a problem."""

    smallest: int
    largest: int


def problem_of(config: Configuration) -> str:
    """Return the hash of the problem whose scaling is measured: the same for configurations that differ in scale and
    repeat alone.
    """
    science = science_of(config)
    for key in SCALES_AND_REPEATS:
        section, _, name = key.rpartition(".")
        place = science = {**science}
        if section:
            place = science[section] = {**science[section]}
        del place[name]
    return document_hash(science)


def extents(configs: Sequence[Configuration]) -> dict[str, Extent]:
    """The node counts of each problem over all configurations of a campaign: ``nodes=1,2 -m`` is ``nodes=[1,2]``."""
    counts: dict[str, list[int]] = {}
    for config in configs:
        counts.setdefault(problem_of(config), []).extend(config["nodes"])
    return {problem: Extent(min(found), max(found)) for problem, found in counts.items()}


def threads_per_rank(config: Configuration, cores: int, extent: Extent, at_once: int = 1) -> int:
    """Cores divided among the ranks that share them, at least 1.

    Under a scheduler the ranks of one node share its cores; on this machine the ranks of all "nodes" do, those of
    ``at_once`` runs. Every scale of a problem gets what the largest one can have: a "node" that shrank as others joined
    would hide all scaling.
    """
    cluster = config["cluster"]
    if cluster["threads_per_rank"]:
        return int(cluster["threads_per_rank"])
    sharing = cluster["ranks_per_node"] * (extent.largest * at_once if SCHEDULERS[cluster["scheduler"]].here else 1)
    return max(1, int(cluster["cores_per_node"] or cores) // int(sharing))


def settings_of(config: Configuration, extent: Extent) -> Settings:
    """The benchmark's settings: under strong scaling the global batch of every scale is that of the smallest one."""
    settings = settings_of_benchmark(config)
    if config["cluster"]["one_machine"] and settings["probe"]["at_once"] is None:
        settings["probe"] = {**settings["probe"], "at_once": 1}
    training: TrainingSettings = {**settings["training"]}
    settings["training"] = training
    if config["scale"]["mode"] == "strong":
        training["global_batch_size"] = global_batch(training, extent.smallest * config["cluster"]["ranks_per_node"])
    return settings


def problem_name(config: Configuration) -> str:
    """Return the part of a run's name that stands for its problem."""
    mode = [] if config["mode"] == "training" else [config["mode"]]
    return "-".join([config["benchmark"]["name"], *choice_of(config), config["recipe"], *mode, config["comm"]])


def run_name(config: Configuration, nodes: int, repeat: int) -> str:
    """The run's name, the same for the same configuration."""
    return f"{problem_name(config)}-n{nodes}-r{repeat}"


def plan_runs(config: Configuration, campaign: str, site: Site, extent: Extent, at_once: int) -> list[PlannedRun]:
    """The runs of one configuration: node counts × repeats. ``at_once`` runs of the campaign are on the machine."""
    data = Path(config["cluster"]["paths"]["data"])
    digest = document_hash(science_of(config))
    runs = []
    for nodes in config["nodes"]:
        for repeat in range(config["repeats"]):
            spec = RunSpec(
                campaign=campaign,
                run=run_name(config, nodes, repeat),
                benchmark=config["benchmark"]["name"],
                dataset=config["benchmark"]["dataset_name"],
                method=config["benchmark"]["method"],
                cluster=config["cluster"]["name"],
                nodes=nodes,
                ranks_per_node=config["cluster"]["ranks_per_node"],
                threads_per_rank=threads_per_rank(config, site.cores, extent, at_once),
                repeat=repeat,
                seed=config["seed"] + repeat,
                comm=config["comm"],
                mode=config["mode"],
                recipe=config["recipe"],
                scale=config["scale"]["mode"],
                settings=settings_of(config, extent),
                data_folder=str(site.folder / data),
                silence_s=config["cluster"]["limits"]["silence_s"],
                startup_silence_s=config["cluster"]["limits"]["startup_silence_s"],
                scratch_folder=config["cluster"]["paths"]["scratch"],
            )
            runs.append(PlannedRun(spec, config.copy(), digest))
    return runs


def number_runs(problems: Sequence[tuple[str, Sequence[PlannedRun]]]) -> list[PlannedRun]:
    """All runs, those of each configuration given with its problem, under names of their own.

    Runs of one problem at one node count are its repeats, whichever configuration they come from: ``seed=1,2,3 -m``
    gives r0, r1 and r2. Problems that a name does not tell apart (a sweep over a key that it does not show) are
    numbered at its end, from 0, in the order given.
    """
    alike: dict[str, list[str]] = {}
    for problem, runs in problems:
        found = alike.setdefault(problem_name(runs[0].config), [])
        if problem not in found:
            found.append(problem)
    repeats: Counter[tuple[str, int]] = Counter()
    result = []
    for problem, runs in problems:
        namesakes = alike[problem_name(runs[0].config)]
        number = f"-{namesakes.index(problem)}" if len(namesakes) > 1 else ""
        for run in runs:
            repeat = repeats[problem, run.spec.nodes]
            repeats[problem, run.spec.nodes] += 1
            name = run_name(run.config, run.spec.nodes, repeat) + number
            result.append(replace(run, spec=replace(run.spec, run=name, repeat=repeat)))
    return result


def campaign_name(configs: Sequence[Configuration], stamp: str) -> str:
    """The name given, else one from the time, the benchmarks and the configuration."""
    given = configs[0].get("campaign")
    if given:
        return str(given)
    benchmarks = "+".join(dict.fromkeys(config["benchmark"]["name"] for config in configs))[:40].replace("+", "-")
    digest = document_hash([science_of(config) for config in configs])[:6]
    return f"{stamp}-{benchmarks}-{digest}"


def plan(configs: Sequence[Configuration], stamp: str, site: Site) -> Campaign:
    """The campaign of all configurations. ``stamp`` is the time, as it shall appear in the campaign's name.

    What depends on other runs (batch, threads, repeats) is worked out over the whole campaign, so that one invocation
    gives the same runs in whichever way its sweep is spelt. Raises UsageError where configurations disagree in what a
    campaign has once.
    """
    refuse_several(configs)
    total = sum(len(config["nodes"]) * config["repeats"] for config in configs)
    if total > MOST_RUNS:
        raise UsageError(
            f"{total} runs are more than a campaign can have, {MOST_RUNS}; make several campaigns of them."
        )
    name = campaign_name(configs, stamp)
    problems = [problem_of(config) for config in configs]
    whole = extents(configs)
    for config, problem in zip(configs, problems, strict=True):
        refuse_strong_by_another_name(config, whole[problem])
    at_once = runs_at_once(configs)
    planned = [
        plan_runs(config, name, site, whole[problem], at_once)
        for config, problem in zip(configs, problems, strict=True)
    ]
    runs = number_runs(list(zip(problems, planned, strict=True)))
    if configs[0]["scale"]["shuffle"]:
        runs = shuffle_runs(runs, configs[0]["seed"])
    return Campaign(name, site.folder / configs[0]["results"], tuple(runs))


def runs_at_once(configs: Sequence[Configuration]) -> int:
    """How many runs of the campaign are under way at once."""
    runs = sum(len(config["nodes"]) * config["repeats"] for config in configs)
    return min(runs, int(configs[0]["cluster"]["limits"]["max_jobs"]))


def refuse_several(configs: Sequence[Configuration]) -> None:
    """Raise UsageError for a setting that a campaign has once and that differs between its configurations."""
    for key in ONE_A_CAMPAIGN:
        values = list(dict.fromkeys(lookup(config, key) for config in configs))
        if len(values) > 1:
            shown = ", ".join(str(value) for value in values)
            raise UsageError(f"{key}={shown}: a campaign has one, so give one value for the whole sweep.")


def refuse_strong_by_another_name(config: Configuration, extent: Extent) -> None:
    """Raise UsageError where one global batch is fixed for several scales and the scaling is not called strong."""
    batch = config["benchmark"]["training"]["global_batch_size"]
    if batch is not None and extent.smallest != extent.largest and config["scale"]["mode"] != "strong":
        raise UsageError(
            f"benchmark.training.global_batch_size={batch} is the same at nodes={extent.smallest} and "
            f"nodes={extent.largest}: that is scale=strong, not scale={config['scale']['mode']}; set that, or leave "
            "the global batch to benchmark.training.batch_size."
        )


def shuffle_runs(runs: Sequence[PlannedRun], seed: int) -> list[PlannedRun]:
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


def plan_warnings(campaign: Campaign) -> list[str]:
    """Return a sentence for each planned run that will measure worse than necessary."""
    return [*undivided_batches(campaign), *same_seeds(campaign), *cores_of_this_machine(campaign)]


def cores_of_this_machine(campaign: Campaign) -> list[str]:
    """A sentence for each profile of another machine whose ranks get threads by the cores of this one."""
    found = {}
    for run in campaign.runs:
        cluster = run.config["cluster"]
        known = cluster["cores_per_node"] or cluster["threads_per_rank"] or SCHEDULERS[cluster["scheduler"]].here
        if not known:
            found[cluster["name"]] = (
                f"cluster={cluster['name']} states no cores: its ranks get {run.spec.threads_per_rank} threads each by "
                "the cores of this machine; set cluster.cores_per_node"
            )
    return [*found.values()]


def same_seeds(campaign: Campaign) -> list[str]:
    """A sentence for each run that repeats another one with the same seed."""
    first: dict[tuple[str, int, int], str] = {}
    sentences = []
    for run in campaign.runs:
        key = (problem_of(run.config), run.spec.nodes, run.spec.seed)
        if key in first:
            sentences.append(
                f"{run.spec.run} has the seed of {first[key]} ({run.spec.seed}): it tells how speed varies, not how "
                "quality does; repeats=N gives each repeat a seed of its own"
            )
        first.setdefault(key, run.spec.run)
    return sentences


def undivided_batches(campaign: Campaign) -> list[str]:
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
