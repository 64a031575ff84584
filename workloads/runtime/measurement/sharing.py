"""Whether the nodes of a run are its alone: then what a whole node's meter counts is the run's."""

from __future__ import annotations

import os
from collections.abc import Mapping

from orchestrator.records.settings import ClusterSettings


def holds_whole_nodes(cluster: ClusterSettings, environment: Mapping[str, str]) -> bool:
    """From the profile and the job's environment; False wherever nobody promises it.

    Slurm gives whole nodes to a job that asks for them, and so it did where the job has all of a node's processors.
    """
    if cluster["scheduler"] != "slurm":
        return False
    return bool(cluster["slurm"].get("exclusive")) or environment.get("SLURM_CPUS_ON_NODE") == str(os.cpu_count())
