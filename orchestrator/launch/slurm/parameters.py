"""The parameters of a run's job, from the cluster's profile."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.launch.job import PROJECT
from orchestrator.launch.launchers import core_options
from orchestrator.launch.slurm.identity import CLUSTER_VARIABLE
from orchestrator.records import Manifest
from orchestrator.records.settings import ClusterSettings, LimitsSettings


@dataclass(frozen=True)
class Batch:
    """One submission: ``number`` runs similar to that of ``manifest``, whose folder is ``first``.

    ``logs`` is the folder of scripts and their output. ``list_of_runs`` is the file that maps the tasks of an array to
    their runs.
    """

    manifest: Manifest
    number: int
    logs: Path
    first: Path
    list_of_runs: Path | None


def supervisor_command(batch: Batch) -> str:
    """Return the command that replaces the batch shell (exec, so that Slurm's signals reach it): the supervisor of one
    run.
    """
    cluster = batch.manifest.config["cluster"]
    # What is inside of a container is the ranks'; the supervisor starts the containers.
    python = sys.executable if cluster["container"] else cluster["python"] or sys.executable
    words = [python, "-u", "-m", "orchestrator.launch.enter"]
    if batch.list_of_runs is not None:
        words += ["--batch", str(batch.list_of_runs)]
    else:
        words += [str(batch.first), str(batch.manifest.attempts)]
    return "exec " + shlex.join(words)


def job_shape(manifest: Manifest) -> dict[str, object]:
    """Return all parameters of a run but its names. Runs of equal shape can be one array."""
    return {**sbatch_parameters(manifest), "python": manifest.config["cluster"]["python"]}


def sbatch_parameters(manifest: Manifest) -> dict[str, object]:
    """Return submitit's parameters for a run, from the cluster's profile."""
    spec, cluster = manifest.spec, manifest.config["cluster"]
    slurm = cluster["slurm"]
    additional: dict[str, object] = {"requeue" if requeues(manifest) else "no-requeue": True}
    warning = seconds_of_warning(cluster["limits"])
    if warning is not None:
        additional["signal"] = f"B:USR2@{warning}"
    own = {name: flag_or_value(value) for name, value in slurm["additional"].items() if name != "comment"}
    additional |= {**core_options(cluster), **own}
    if slurm["reservation"]:
        additional["reservation"] = slurm["reservation"]
    parameters: dict[str, object] = {
        "time": cluster["limits"]["time_min"],
        "nodes": spec.nodes,
        "ntasks_per_node": spec.ranks_per_node,
        "cpus_per_task": spec.threads_per_rank,
        "use_srun": False,
        "stderr_to_stdout": True,
        "setup": setup_lines(cluster),
        "additional_parameters": additional,
    }
    names = ("partition", "account", "qos", "constraint", "wckey", "gres", "gpus_per_node")
    options: Mapping[str, object] = slurm
    parameters |= {name: options[name] for name in names if options[name] is not None}
    failed = manifest.failed_nodes if slurm["exclude_failed_nodes"] else []
    excluded = [*filter(None, [slurm["exclude"]]), *failed]
    if excluded:
        parameters["exclude"] = ",".join(excluded)
    if slurm["memory_gb"]:
        parameters["mem"] = f"{int(1024 * slurm['memory_gb'])}MB"
    if slurm["exclusive"]:
        parameters["exclusive"] = True
    return parameters


def flag_or_value(text: str) -> str | bool:
    """Return True for an option that takes no value, as ``hold: true``."""
    return True if text in ("", "true") else text


EARLY_SECONDS = 60
"""So much earlier than asked Slurm may send a job's signal (sbatch(1), ``--signal``)."""


def seconds_of_warning(limits: LimitsSettings) -> int | None:
    """Return how long before a job's time limit Slurm is asked to warn it; None in a job so short that the warning
    could come in its first half. The supervisor's own clock then warns the ranks.
    """
    whole = 60 * limits["time_min"]
    warning = max(1, round(min(limits["warning_s"], whole / 2)))
    return warning if whole - warning - EARLY_SECONDS >= whole / 2 else None


def comment_of(manifest: Manifest) -> str | None:
    """Return the job's comment: the tag by which it is known again, then the profile's own comment."""
    own = manifest.config["cluster"]["slurm"]["additional"].get("comment")
    return f"{manifest.tag} {own}" if own else manifest.tag


def cluster_named(cluster: ClusterSettings) -> str | None:
    """Return the cluster that the profile sends its jobs to by name (sbatch's ``--clusters``), or None."""
    additional = cluster["slurm"]["additional"]
    named = additional.get("clusters") or additional.get("cluster") or additional.get("M")
    return str(named) if named else None


def setup_lines(cluster: ClusterSettings) -> list[str]:
    """Return the modules and the profile's own lines. The first that fails fails the job."""
    named = cluster_named(cluster)
    known = [f"export {CLUSTER_VARIABLE}={shlex.quote(named)}"] if named else []
    modules = [f"module load {shlex.quote(module)}" for module in cluster["modules"]]
    path = f'export PYTHONPATH={shlex.quote(str(PROJECT))}"${{PYTHONPATH:+{os.pathsep}$PYTHONPATH}}"'
    # A warning that comes before the supervisor listens must not end the job; many sites send USR1 as theirs.
    return ["trap '' USR1 USR2", "set -eo pipefail", *known, *modules, *cluster["setup"], path]


def requeues(manifest: Manifest) -> bool:
    """Whether Slurm itself starts the run's job again after a node's failure or a stop. It does not if another node is
    to be requested.
    """
    cluster = manifest.config["cluster"]
    slurm = cluster["slurm"]
    return bool(slurm["requeue"] and cluster["limits"]["max_attempts"] > 1 and not slurm["exclude_failed_nodes"])
