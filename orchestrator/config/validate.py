"""What types alone cannot say of a configuration. Every finding names the key, its value and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from orchestrator.config.safety import refuse_unsafe
from orchestrator.errors import UsageError, nearest

COMMUNICATORS = ("horovod", "mpi", "torch")
MODES = ("training", "inference", "probe")
SCHEDULERS = ("local", "slurm")
LAUNCHERS = ("mpirun", "srun")
PMI = ("pmix", "pmix_v2", "pmix_v3", "pmix_v4", "pmix_v5", "pmi2", "cray_shasta", "none")
SCALE_MODES = ("single", "weak", "strong")
LEARNING_RATE_RULES = ("none", "sqrt", "linear")
SCHEDULES = ("constant", "cosine")
PRECISIONS = ("float32", "bfloat16")
KERNELS = ("torch", "own", "auto")
OPTIMIZERS = ("adamw", "adam", "sgd")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def node_counts(value: Any) -> list[int]:
    """``nodes=`` as a list in the order given: one positive whole number or several, none twice."""
    counts = value if isinstance(value, list) else [value]
    for count in counts:
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UsageError(f"nodes={value}: node counts are positive whole numbers, as in nodes=4 or nodes=[1,2,4].")
    if not counts:
        raise UsageError("nodes=[]: at least one node count is needed.")
    if len(set(counts)) != len(counts):
        raise UsageError(f"nodes={value}: a node count is given twice; for repeated runs use repeats=N.")
    return list(counts)


def choice(config: dict[str, Any], key: str, choices: Sequence[str | bool]) -> None:
    """Raise UsageError unless the dotted key holds one of the choices."""
    value = lookup(config, key)
    if value not in choices:
        raise UsageError(f"{key}={value} is not known.{nearest(str(value), [str(one).lower() for one in choices])}")


def at_least(config: dict[str, Any], key: str, least: float) -> None:
    """Raise UsageError unless the dotted key holds a number that large, or nothing."""
    value = lookup(config, key)
    if value is not None and value < least:
        raise UsageError(f"{key}={value}: must be at least {least}.")


def lookup(config: dict[str, Any], key: str) -> Any:
    """The value at a dotted key."""
    node: Any = config
    for part in key.split("."):
        node = node[part]
    return node


def name(config: dict[str, Any], key: str) -> None:
    """Raise UsageError unless the value can be a folder's and a job's name as it stands."""
    value = lookup(config, key)
    if value is not None and not NAME.fullmatch(str(value)):
        raise UsageError(
            f"{key}={str(value)!r}: names are up to 100 letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit."
        )


def batch_divides(config: dict[str, Any]) -> None:
    """A fixed global batch must give every rank of every scale at least one sample."""
    batch = config["benchmark"]["training"]["global_batch_size"]
    if batch is None:
        return
    for nodes in node_counts(config["nodes"]):
        ranks = nodes * config["cluster"]["ranks_per_node"]
        if batch < ranks:
            raise UsageError(
                f"benchmark.training.global_batch_size={batch} is less than the {ranks} ranks of nodes={nodes}."
            )


def own_kernels(config: dict[str, Any]) -> None:
    """The project's own kernels compute in float32, in channels-last order and uncompiled."""
    training = config["benchmark"]["training"]
    if training["kernels"] != "own":
        return
    for key, able in (("precision", ("float32", "auto")), ("channels_last", (True,)), ("compile", (False,))):
        if training[key] not in able:
            raise UsageError(
                f"benchmark.training.kernels=own needs benchmark.training.{key}={str(able[0]).lower()}, "
                f"not {str(training[key]).lower()}; with kernels=auto they are used where they can be."
            )


def batch_sizes(config: dict[str, Any]) -> None:
    """Inference needs at least one batch size, each a positive whole number and none twice."""
    sizes = config["benchmark"]["inference"]["batch_sizes"]
    if not sizes or min(sizes) < 1 or len(set(sizes)) != len(sizes):
        raise UsageError(
            f"benchmark.inference.batch_sizes={sizes}: one or more positive whole numbers, none twice, as in [1,8,32]."
        )


def mode_of_benchmark(config: dict[str, Any]) -> None:
    """A probe has no model to train, and a science workload nothing to probe."""
    mode, modes = config["mode"], config["benchmark"]["modes"]
    if mode not in modes:
        raise UsageError(
            f"mode={mode} is nothing that benchmark={config['benchmark']['name']} does: set mode={modes[0]}."
        )


def probe_settings(config: dict[str, Any]) -> None:
    """Sizes of messages hold at least one float32 and none comes twice; a matrix product must be exact in float32."""
    probe = config["benchmark"]["probe"]
    for key in ("sizes", "pair_sizes"):
        sizes = probe[key]
        if not sizes or min(sizes) < 4 or len(set(sizes)) != len(sizes):
            raise UsageError(f"benchmark.probe.{key}={sizes}: one or more sizes from 4 bytes up, none twice.")
    if probe["matrix"] > 2**24:
        raise UsageError(f"benchmark.probe.matrix={probe['matrix']}: at most {2**24}, beyond which sums are inexact.")


def endpoints(config: dict[str, Any]) -> None:
    """Downloads need at least one server, each by its address."""
    found = config["benchmark"]["download"]["endpoints"]
    if not found or not all(str(address).startswith(("https://", "http://")) for address in found):
        raise UsageError(
            f"benchmark.download.endpoints={found}: one or more addresses of S3 servers, as in [https://s3.example.org]."
        )


CHECKS: tuple[Callable[[dict[str, Any]], None], ...] = (
    lambda config: choice(config, "comm", COMMUNICATORS),
    lambda config: choice(config, "mode", MODES),
    lambda config: choice(config, "cluster.scheduler", SCHEDULERS),
    lambda config: choice(config, "cluster.launcher", LAUNCHERS),
    lambda config: choice(config, "scale.mode", SCALE_MODES),
    lambda config: choice(config, "benchmark.training.learning_rate_scaling", LEARNING_RATE_RULES),
    lambda config: choice(config, "benchmark.training.schedule", SCHEDULES),
    lambda config: choice(config, "benchmark.training.precision", (*PRECISIONS, "auto")),
    lambda config: choice(config, "benchmark.training.gradient_precision", PRECISIONS),
    lambda config: choice(config, "benchmark.training.channels_last", (True, False, "auto")),
    lambda config: choice(config, "benchmark.training.kernels", KERNELS),
    lambda config: choice(config, "benchmark.training.optimizer.name", OPTIMIZERS),
    lambda config: name(config, "campaign"),
    lambda config: name(config, "benchmark.name"),
    lambda config: name(config, "cluster.name"),
    lambda config: at_least(config, "repeats", 1),
    lambda config: at_least(config, "seed", 0),
    lambda config: at_least(config, "cluster.ranks_per_node", 1),
    lambda config: at_least(config, "cluster.threads_per_rank", 1),
    lambda config: at_least(config, "cluster.limits.max_jobs", 1),
    lambda config: at_least(config, "cluster.limits.max_attempts", 1),
    lambda config: at_least(config, "cluster.limits.silence_s", 1),
    lambda config: at_least(config, "cluster.limits.startup_silence_s", 1),
    lambda config: at_least(config, "benchmark.training.epochs", 1),
    lambda config: at_least(config, "benchmark.training.batch_size", 1),
    lambda config: at_least(config, "benchmark.training.accumulate", 1),
    lambda config: at_least(config, "benchmark.training.evaluate_every_epochs", 1),
    lambda config: at_least(config, "benchmark.training.evaluate_every_steps", 1),
    lambda config: at_least(config, "benchmark.training.warmup_epochs", 0),
    lambda config: at_least(config, "benchmark.inference.warm_up", 0),
    lambda config: at_least(config, "benchmark.inference.latency_samples", 1),
    lambda config: at_least(config, "benchmark.inference.seconds_per_batch_size", 0),
    lambda config: at_least(config, "benchmark.inference.passes", 1),
    lambda config: choice(config, "benchmark.probe.precision", PRECISIONS),
    lambda config: at_least(config, "benchmark.probe.rounds", 2),
    lambda config: at_least(config, "benchmark.probe.at_once", 1),
    lambda config: at_least(config, "benchmark.probe.matrix", 1),
    lambda config: at_least(config, "benchmark.probe.triad_mib", 1),
    lambda config: at_least(config, "benchmark.probe.pair_rounds", 1),
    lambda config: at_least(config, "benchmark.probe.pair_repeats", 1),
    lambda config: at_least(config, "benchmark.probe.burst_s", 0),
    lambda config: at_least(config, "benchmark.probe.message_s", 0),
    mode_of_benchmark,
    lambda config: choice(config, "cluster.pmi", PMI),
    lambda config: at_least(config, "cluster.cores_per_node", 1),
    lambda config: at_least(config, "cluster.accelerators_per_node", 0),
    lambda config: at_least(config, "cluster.limits.time_min", 1),
    lambda config: at_least(config, "cluster.limits.query_s", 0.1),
    lambda config: at_least(config, "cluster.limits.longest_query_s", config["cluster"]["limits"]["query_s"]),
    lambda config: at_least(config, "cluster.limits.lost_s", 1),
    lambda config: at_least(config, "cluster.slurm.gpus_per_node", 1),
    lambda config: at_least(config, "cluster.slurm.memory_gb", 0.001),
    probe_settings,
    lambda config: at_least(config, "benchmark.download.connections", 1),
    batch_divides,
    own_kernels,
    batch_sizes,
    endpoints,
)


def validate(config: dict[str, Any]) -> None:
    """Raise UsageError for the first thing that is wrong."""
    node_counts(config["nodes"])
    for check in CHECKS:
        check(config)
    refuse_unsafe(config)
