"""Rules on configurations beyond types. Every error names the key, its value and the correct form."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.config import families
from orchestrator.config.families import DATASETS, METHODS, benchmarks, datasets_taken, methods_taking
from orchestrator.config.ranges import format_number
from orchestrator.config.safety import refuse_unsafe
from orchestrator.errors import UsageError, nearest
from orchestrator.records.choices import (
    COMMUNICATORS,
    KERNELS,
    LAUNCHERS,
    LEARNING_RATE_RULES,
    MODES,
    OPTIMIZERS,
    PMI,
    PRECISIONS,
    SCALE_MODES,
    SCHEDULERS,
    SCHEDULES,
    TASK_MODES,
)
from orchestrator.records.settings import Configuration

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

MOST_NODES, MOST_RANKS, MOST_RUNS = 1_000_000, 10_000_000, 20_000
"""Beyond any machine, and beyond what one campaign is for."""


def node_counts(value: Any) -> list[int]:
    """Return ``nodes=`` as a list in the given order: one or several positive whole numbers, each once."""
    counts = value if isinstance(value, list) else [value]
    for count in counts:
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UsageError(f"nodes={value}: node counts are positive whole numbers, as in nodes=4 or nodes=[1,2,4].")
        if count > MOST_NODES:
            raise UsageError(f"nodes={format_number(count)}: no machine has more than {MOST_NODES} nodes.")
    if not counts:
        raise UsageError("nodes=[]: at least one node count is needed.")
    if len(set(counts)) != len(counts):
        raise UsageError(f"nodes={value}: a node count is given twice; for repeated runs use repeats=N.")
    return list(counts)


def lookup(config: Configuration, key: str) -> Any:
    """Return the value at a dotted key."""
    node: Any = config
    for part in key.split("."):
        node = node[part]
    return node


def one_of(key: str, value: Any, choices: Collection[str | bool]) -> None:
    """Raise UsageError unless the value is one of the choices."""
    if value not in choices:
        raise UsageError(f"{key}={value} is not known.{nearest(str(value), [str(one).lower() for one in choices])}")


def is_name(key: str, value: Any, pattern: re.Pattern[str]) -> None:
    """Raise UsageError unless the value is None or can name a folder and a job as it is."""
    if value is not None and not pattern.fullmatch(str(value)):
        raise UsageError(
            f"{key}={str(value)!r}: names are up to 100 letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit."
        )


def batch_divides(config: Configuration) -> None:
    """Raise UsageError unless a fixed global batch gives every rank of every scale at least one sample."""
    batch = config["benchmark"]["training"]["global_batch_size"]
    if batch is None:
        return
    for nodes in config["nodes"]:
        ranks = nodes * config["cluster"]["ranks_per_node"]
        if batch < ranks:
            raise UsageError(
                f"benchmark.training.global_batch_size={batch} is less than the {ranks} ranks of nodes={nodes}."
            )


def ways_of_metrics(config: Configuration) -> None:
    """Raise UsageError unless each metric is marked as better higher or lower."""
    for metric, way in config["benchmark"]["better"].items():
        one_of(f"benchmark.better.{metric}", way, ("higher", "lower"))


def optimizers(config: Configuration) -> None:
    """Raise UsageError for an optimiser with an unknown name, or with options that it does not support. L-BFGS uses the
    loss's gradient unchanged.
    """
    training = config["benchmark"]["training"]
    named = {f"optimizers.{player}": settings for player, settings in training["optimizers"].items()}
    for place, settings in {"optimizer": training["optimizer"], **named}.items():
        key = f"benchmark.training.{place}"
        one_of(f"{key}.name", settings["name"], OPTIMIZERS)
        if settings["name"] == "lbfgs" and settings["weight_decay"]:
            raise UsageError(f"{key}.weight_decay={settings['weight_decay']}: lbfgs has none; set it to 0.")
        if settings["name"] == "lbfgs" and training["gradient_clip"]:
            raise UsageError(
                f"benchmark.training.gradient_clip={training['gradient_clip']}: {key}.name=lbfgs needs the gradients "
                "as they are; set it to null."
            )


def decay(config: Configuration) -> None:
    """Raise UsageError if a schedule that decays in steps lacks their interval."""
    training = config["benchmark"]["training"]
    if training["decay_every_epochs"] <= 0:
        raise UsageError(
            f"benchmark.training.decay_every_epochs={training['decay_every_epochs']}: must be more than 0, "
            "as in 0.5 for twice an epoch."
        )


def own_kernels(config: Configuration) -> None:
    """Raise UsageError if the project's own kernels are combined with anything but channels-last and no compilation."""
    training = config["benchmark"]["training"]
    if training["kernels"] != "own":
        return
    needed: tuple[tuple[str, bool | str, tuple[bool | str, ...]], ...] = (
        ("channels_last", training["channels_last"], (True,)),
        ("compile", training["compile"], (False,)),
    )
    for key, value, able in needed:
        if value not in able:
            raise UsageError(
                f"benchmark.training.kernels=own needs benchmark.training.{key}={str(able[0]).lower()}, "
                f"not {str(value).lower()}; with kernels=auto they are used where they can be."
            )


def batch_sizes(config: Configuration) -> None:
    """Raise UsageError unless inference has at least one batch size, each a positive whole number and different."""
    sizes = config["benchmark"]["inference"]["batch_sizes"]
    if not sizes or min(sizes) < 1 or len(set(sizes)) != len(sizes):
        raise UsageError(
            f"benchmark.inference.batch_sizes={sizes}: one or more positive whole numbers, none twice, as in [1,8,32]."
        )


def mode_of_benchmark(config: Configuration) -> None:
    """Raise UsageError for a mode that the benchmark lacks. A probe has no model to train, a science benchmark nothing
    to probe.
    """
    mode, benchmark = config["mode"], config["benchmark"]
    modes = benchmark["modes"]
    if not modes:
        raise UsageError("benchmark.modes=[]: a benchmark can do something; name one mode or more, as in [training].")
    if mode not in modes:
        raise UsageError(f"mode={mode} is nothing that benchmark={benchmark['name']} does: set mode={modes[0]}.")
    key, path = ("task", benchmark["task"]) if mode in TASK_MODES else ("procedure", benchmark["procedure"])
    if not path:
        raise UsageError(
            f"benchmark.{key} is not set, which mode={mode} needs: name a class, as in workloads.NAME.{key}:Class."
        )


def pair_of_dataset_and_method(config: Configuration) -> None:
    """Raise UsageError for a data set that the method cannot do with, such as fields for a network of molecules."""
    benchmark = config["benchmark"]
    refuse_pair(families.ROOT, benchmark["name"], benchmark["dataset_name"], benchmark["method"])


@cache
def refuse_pair(root: Path, name: str, dataset: str, method: str) -> None:
    """Raise UsageError for a pair of a shipped benchmark that its method's file excludes. ``root`` holds the files,
    which are read once, as all of them are.
    """
    if name not in benchmarks() or dataset not in DATASETS.options(name) or method not in METHODS.options(name):
        # A site's own choice says nothing of the kind.
        return
    if dataset not in (taken := datasets_taken(name, method)):
        raise UsageError(
            f"method={method} of benchmark={name} takes dataset={'|'.join(taken)}, not dataset={dataset}, which "
            f"method={'|'.join(methods_taking(name, dataset))} takes."
        )


def pace_of_queries(config: Configuration) -> None:
    """Raise UsageError unless the shortest pause between queries is at most the longest."""
    limits = config["cluster"]["limits"]
    if limits["longest_query_s"] < limits["query_s"]:
        raise UsageError(
            f"cluster.limits.longest_query_s={limits['longest_query_s']}: must be at least query_s={limits['query_s']}."
        )


def size_of_runs(config: Configuration) -> None:
    """Raise UsageError for more ranks in a run, or more runs, than any campaign has."""
    ranks = max(config["nodes"], default=0) * config["cluster"]["ranks_per_node"]
    if ranks > MOST_RANKS:
        raise UsageError(f"nodes={config['nodes']}: {ranks} ranks are more than a run can have, {MOST_RANKS}.")
    runs = len(config["nodes"]) * config["repeats"]
    if runs > MOST_RUNS:
        raise UsageError(f"repeats={config['repeats']}: {runs} runs are more than a campaign can have, {MOST_RUNS}.")


def probe_settings(config: Configuration) -> None:
    """Raise UsageError unless message sizes are different and hold a float32, and a matrix product is exact
    in float32.
    """
    probe = config["benchmark"]["probe"]
    for key, sizes in (("sizes", probe["sizes"]), ("pair_sizes", probe["pair_sizes"])):
        if not sizes or min(sizes) < 4 or len(set(sizes)) != len(sizes):
            raise UsageError(f"benchmark.probe.{key}={sizes}: one or more sizes from 4 bytes up, none twice.")
    if probe["matrix"] > 2**24:
        raise UsageError(f"benchmark.probe.matrix={probe['matrix']}: at most {2**24}, beyond which sums are inexact.")


def endpoints(config: Configuration) -> None:
    """Raise UsageError unless downloads have at least one server, each with its address."""
    found = config["benchmark"]["download"]["endpoints"]
    if not found or not all(str(address).startswith(("https://", "http://")) for address in found):
        raise UsageError(
            f"benchmark.download.endpoints={found}: one or more addresses of S3 servers, as in [https://s3.example.org]."
        )


RULES: tuple[tuple[str, Callable[[str, Any, Any], None], Any], ...] = (
    ("comm", one_of, COMMUNICATORS),
    ("mode", one_of, MODES),
    ("cluster.scheduler", one_of, SCHEDULERS),
    ("cluster.launcher", one_of, LAUNCHERS),
    ("scale.mode", one_of, SCALE_MODES),
    ("benchmark.training.learning_rate_scaling", one_of, LEARNING_RATE_RULES),
    ("benchmark.training.schedule", one_of, SCHEDULES),
    ("benchmark.training.precision", one_of, (*PRECISIONS, "auto")),
    ("benchmark.training.gradient_precision", one_of, PRECISIONS),
    ("benchmark.training.channels_last", one_of, (True, False, "auto")),
    ("benchmark.training.kernels", one_of, KERNELS),
    ("benchmark.probe.precision", one_of, PRECISIONS),
    ("cluster.pmi", one_of, PMI),
    ("campaign", is_name, NAME),
    ("benchmark.name", is_name, NAME),
    ("cluster.name", is_name, NAME),
)
"""Rules on single values: key, rule and the rule's argument."""


def processors_of_another_machine(config: Configuration) -> None:
    """A run on the processors of a machine with accelerators has no place in its history."""
    cluster = config["cluster"]
    model = cluster["accelerator"]["model"]
    if model and not cluster["accelerators_per_node"]:
        raise UsageError(
            f"cluster.accelerators_per_node=0: cluster={cluster['name']} has {model}; a run on processors is another "
            "machine's: take cluster=local, or a profile of its own without cluster.accelerator.model."
        )


CHECKS: tuple[Callable[[Configuration], None], ...] = (
    mode_of_benchmark,
    pair_of_dataset_and_method,
    pace_of_queries,
    size_of_runs,
    probe_settings,
    batch_divides,
    optimizers,
    decay,
    own_kernels,
    ways_of_metrics,
    batch_sizes,
    endpoints,
    processors_of_another_machine,
)
"""Rules on several values together."""


def validate(config: Configuration) -> None:
    """Raise UsageError for the first violated rule."""
    for key, rule, against in RULES:
        rule(key, lookup(config, key), against)
    for check in CHECKS:
        check(config)
    refuse_unsafe(config)
