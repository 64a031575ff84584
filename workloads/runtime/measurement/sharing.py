"""Whether a node is its run's alone: then what the whole node's meter counts is the run's."""

from __future__ import annotations

import os
from collections.abc import Mapping

from orchestrator.records.processors import count_units
from orchestrator.records.settings import ClusterSettings


def holds_whole_node(cluster: ClusterSettings, environment: Mapping[str, str]) -> bool:
    """Whether no other job shares this node, by the profile and the job's environment; False without a scheduler.

    A Slurm job has whole nodes if the profile asks for them (``exclusive``), or if it was given all processors of its
    node. Slurm counts cores, not hardware threads, for a job with one thread of each core.
    """
    if cluster["scheduler"] != "slurm":
        return False
    cores_counted = environment.get("SLURM_THREADS_PER_CORE") == "1"
    whole = (count_units()["cores"] if cores_counted else None) or os.cpu_count()
    return bool(cluster["slurm"].get("exclusive")) or environment.get("SLURM_CPUS_ON_NODE") == str(whole)
