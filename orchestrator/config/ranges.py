"""What each number of a configuration can mean at all. A test holds that every number of the schema is here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.errors import UsageError

COUNT = 2**31 - 1
"""What Slurm, MPI and NumPy count by."""
YEAR_S = 366 * 86400
FACT = 1e12
"""Beyond any machine's: bytes, operations and seconds in the units that profiles have."""
ANY = 1e300

RANGES: Mapping[str, tuple[float, float]] = {
    "repeats": (1, 10_000),
    "scale.repeats": (1, 10_000),
    "seed": (0, COUNT),
    "watch.interval_s": (0.01, 3600),
    "cluster.ranks_per_node": (1, 10_000),
    "cluster.cores_per_node": (1, 100_000),
    "cluster.accelerators_per_node": (0, 10_000),
    "cluster.memory_gib_per_node": (0.001, 1e6),
    "cluster.threads_per_rank": (1, 100_000),
    "cluster.accelerator.memory_gib": (0, FACT),
    "cluster.accelerator.peak_bf16_tflops": (0, FACT),
    "cluster.accelerator.peak_fp32_tflops": (0, FACT),
    "cluster.accelerator.memory_gb_per_s": (0, FACT),
    "cluster.interconnect.gb_per_s_per_node": (0, FACT),
    "cluster.interconnect.latency_us": (0, FACT),
    "cluster.limits.time_min": (1, YEAR_S // 60),
    "cluster.limits.silence_s": (1, YEAR_S),
    "cluster.limits.startup_silence_s": (1, YEAR_S),
    "cluster.limits.max_jobs": (1, COUNT),
    "cluster.limits.max_attempts": (1, 10_000),
    "cluster.limits.query_s": (0.1, YEAR_S),
    "cluster.limits.longest_query_s": (0.1, YEAR_S),
    "cluster.limits.lost_s": (1, YEAR_S),
    "cluster.limits.stuck_s": (0, YEAR_S),
    "cluster.limits.warning_s": (0, YEAR_S),
    "cluster.slurm.gpus_per_node": (1, 10_000),
    "cluster.slurm.memory_gb": (0.001, 1e6),
    "benchmark.training.epochs": (1, COUNT),
    "benchmark.training.batch_size": (1, COUNT),
    "benchmark.training.global_batch_size": (1, COUNT),
    "benchmark.training.optimizer.learning_rate": (0, ANY),
    "benchmark.training.optimizer.weight_decay": (0, FACT),
    "benchmark.training.optimizer.momentum": (0, 1),
    "benchmark.training.optimizer.betas": (0, 1),
    "benchmark.training.optimizer.iterations": (1, COUNT),
    "benchmark.training.optimizer.history": (1, COUNT),
    "benchmark.training.base_batch_size": (1, COUNT),
    "benchmark.training.warmup_epochs": (0, COUNT),
    "benchmark.training.decay_every_epochs": (0, COUNT),
    "benchmark.training.decay_factor": (0, FACT),
    "benchmark.training.final_fraction": (0, 1),
    "benchmark.training.accumulate": (1, COUNT),
    "benchmark.training.evaluate_every_epochs": (1, COUNT),
    "benchmark.training.evaluate_every_steps": (1, COUNT),
    "benchmark.training.evaluation_batch_size": (1, COUNT),
    "benchmark.training.checkpoint_every_epochs": (1, COUNT),
    "benchmark.training.gradient_clip": (0, FACT),
    "benchmark.training.max_steps": (1, COUNT),
    "benchmark.inference.warm_up": (0, COUNT),
    "benchmark.inference.latency_samples": (1, COUNT),
    "benchmark.inference.batch_sizes": (1, COUNT),
    "benchmark.inference.seconds_per_batch_size": (0, YEAR_S),
    "benchmark.inference.passes": (1, COUNT),
    "benchmark.probe.rounds": (2, COUNT),
    "benchmark.probe.at_once": (1, COUNT),
    "benchmark.probe.burst_s": (0, YEAR_S),
    "benchmark.probe.matrix": (1, COUNT),
    "benchmark.probe.triad_mib": (1, COUNT),
    "benchmark.probe.sizes": (4, 2**50),
    "benchmark.probe.pair_sizes": (4, 2**50),
    "benchmark.probe.pair_rounds": (1, COUNT),
    "benchmark.probe.pair_repeats": (1, COUNT),
    "benchmark.probe.message_s": (0, YEAR_S),
    "benchmark.quality.target": (-ANY, ANY),
    "benchmark.published.value": (-ANY, ANY),
    "benchmark.download.connections": (1, 10_000),
    "schedule.late_min": (1, YEAR_S),
    "schedule.wait_min": (0, YEAR_S // 60),
    "schedule.time_limit_min": (1, YEAR_S // 60),
    "schedule.keep_logs": (1, COUNT),
    "schedule.remind_weeks": (0, 10_000),
    "schedule.settle_weeks": (0, 10_000),
    "schedule.slurm.memory_gb": (0.001, 1e6),
    "notify.smtp.port": (1, 65535),
    "notify.attempts": (1, 1000),
    "notify.backoff_s": (0, 86400),
    "notify.timeout_s": (0.1, 86400),
    "suite.workload.repeats": (1, 10_000),
    "suite.workload.seed": (0, COUNT),
    "suite.phases.checks.size": (4, 2**50),
    "suite.phases.checks.first": (2, 10_000),
    "suite.phases.checks.limit": (2, 10_000),
    "suite.phases.checks.allowed": (0, COUNT),
    "suite.phases.checks.hours": (0, YEAR_S // 3600),
    "suite.phases.checks.bound.value": (-ANY, ANY),
    "suite.phases.checks.bound.lower": (-FACT, FACT),
    "suite.phases.checks.bound.upper": (-FACT, FACT),
}
"""The least and the greatest value of each number by its key; of each item, where the key holds several."""

ALIKE = {
    "benchmark.training.optimizers": "benchmark.training.optimizer",
    "suite.workloads": "suite.workload",
    "suite.phases.checks.bound_on": "suite.phases.checks.bound",
}
"""Mappings of any names to what has a place of its own."""


def refuse_senseless(config: Mapping[str, Any]) -> None:
    """Raise UsageError, naming the key, for the first number that is out of its range or is none (nan, inf)."""
    for key, rule, value in numbers(config, "", ""):
        if not math.isfinite(value):
            raise UsageError(f"{key}={value}: that is no number that it could have; write an ordinary one.", key=key)
        least, most = RANGES.get(rule, (-ANY, ANY))
        if value < least:
            raise UsageError(f"{key}={format_number(value)}: must be at least {least:.15g}.", key=key)
        if value > most:
            raise UsageError(f"{key}={format_number(value)}: must be at most {most:.15g}.", key=key)


def numbers(node: Any, key: str, rule: str) -> Iterator[tuple[str, str, float]]:
    """Yield the numbers in a configuration, each with its dotted key and with the key of its range."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            known = ALIKE[rule] if rule in ALIKE else f"{rule}.{name}".lstrip(".")
            yield from numbers(value, f"{key}.{name}".lstrip("."), known)
    elif isinstance(node, (list, tuple)):
        for number, value in enumerate(node):
            yield from numbers(value, f"{key}[{number}]", rule)
    elif isinstance(node, (int, float)) and not isinstance(node, bool):
        yield key, rule, node


def format_number(value: float) -> str:
    """Return a number for a message; of one with many digits its size."""
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value) if abs(value) < 10**30 else "(a number of more than 30 digits)"
