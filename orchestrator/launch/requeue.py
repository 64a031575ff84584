"""Whether Slurm itself goes on with a run after a fault."""

from __future__ import annotations

from orchestrator.records import Manifest


def requeues(manifest: Manifest) -> bool:
    """Whether Slurm itself starts the run's job again after a node's failure or a stop; not where another node is to be
    asked for.
    """
    cluster = manifest.config["cluster"]
    slurm = cluster["slurm"]
    return bool(slurm["requeue"] and cluster["limits"]["max_attempts"] > 1 and not slurm["exclude_failed_nodes"])
