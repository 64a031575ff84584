"""The batch script of a submission, written by submitit from the cluster's profile."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitit.slurm.slurm import SlurmExecutor

from orchestrator.launch.job import PROJECT, rank_command
from orchestrator.launch.requeue import requeues
from orchestrator.records import Manifest


@dataclass(frozen=True)
class Batch:
    """One submission: ``number`` runs like the one of ``manifest``, whose folder is ``first``.

    ``logs`` is the folder of scripts and of what they print, ``list_of_runs`` the file that tells the tasks of an array
    which run is theirs.
    """

    manifest: Manifest
    number: int
    logs: Path
    first: Path
    list_of_runs: Path | None


class BatchExecutor(SlurmExecutor):
    """submitit's executor, whose script starts no srun step of its own and never names a wckey nobody asked for.

    It carries no pickle: submitit moves one to where a job looks for it only after sbatch has answered, so a job whose
    submitter died in between would not find it; and what a job unpickles it executes.
    """

    def _make_submission_file_text(self, command: str, uid: str) -> str:
        text = super()._make_submission_file_text(command, uid)
        return text.replace("#SBATCH --wckey=submitit\n", "")

    @classmethod
    def affinity(cls) -> int:
        """Scripts can be printed on a machine without Slurm, too."""
        return 2


def submit_script(batch: Batch) -> str:
    """Have sbatch take the submission; returns the job's id. Raises submitit's errors."""
    return str(executor_for(batch)._submit_command(command(batch)).job_id)


def batch_script(batch: Batch) -> str:
    """The script as it would be submitted, and in it as a comment what its supervisor will start."""
    text = executor_for(batch)._make_submission_file_text(command(batch), "plan")
    ranks = rank_command(batch.manifest, batch.first, attempt=1)
    lines = [f"# {name}={shlex.quote(value)}" for name, value in sorted(ranks.environment.items())]
    return "\n".join([text.rstrip(), "# which starts, in the allocation:", *lines, f"# {shlex.join(ranks.words)}"])


def executor_for(batch: Batch) -> BatchExecutor:
    """submitit's executor with the submission's parameters."""
    executor = BatchExecutor.__new__(BatchExecutor)
    SlurmExecutor.__init__(executor, batch.logs)
    executor._throttling = 0.0
    names = {"job_name": batch.manifest.label, "comment": batch.manifest.tag}
    executor.update_parameters(**sbatch_parameters(batch.manifest), **names)
    if batch.number > 1:
        executor.parameters |= {"map_count": batch.number, "array_parallelism": batch.number}
    return executor


def command(batch: Batch) -> str:
    """What the batch shell becomes (exec: Slurm's signals reach it): the supervisor of one run."""
    cluster = batch.manifest.config["cluster"]
    # What is inside of a container is the ranks'; the supervisor starts the containers.
    python = sys.executable if cluster["container"] else cluster["python"] or sys.executable
    words = [python, "-u", "-m", "orchestrator.launch.enter"]
    if batch.list_of_runs is not None:
        words += ["--batch", str(batch.list_of_runs)]
    else:
        words += [str(batch.first), str(batch.manifest.attempts)]
    return "exec " + shlex.join(words)


def shape(manifest: Manifest) -> dict[str, Any]:
    """All that Slurm is told of a run but its names; runs of equal shape can be one array."""
    return {**sbatch_parameters(manifest), "python": manifest.config["cluster"]["python"]}


def sbatch_parameters(manifest: Manifest) -> dict[str, Any]:
    """submitit's parameters for a run, from the cluster's profile."""
    spec, cluster = manifest.spec, manifest.config["cluster"]
    slurm = cluster["slurm"]
    limits = cluster["limits"]
    warning = max(1, round(min(limits["warning_s"], 30 * limits["time_min"])))
    again = requeues(manifest)
    additional: dict[str, Any] = {"signal": f"B:USR2@{warning}", "requeue" if again else "no-requeue": True}
    additional |= slurm["additional"]
    if slurm["reservation"]:
        additional["reservation"] = slurm["reservation"]
    parameters: dict[str, Any] = {
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
    parameters |= {name: slurm[name] for name in names if slurm[name] is not None}
    failed = manifest.failed_nodes if slurm["exclude_failed_nodes"] else []
    excluded = [*filter(None, [slurm["exclude"]]), *failed]
    if excluded:
        parameters["exclude"] = ",".join(excluded)
    if slurm["memory_gb"]:
        parameters["mem"] = f"{int(1024 * slurm['memory_gb'])}MB"
    if slurm["exclusive"]:
        parameters["exclusive"] = True
    return parameters


def setup_lines(cluster: Mapping[str, Any]) -> list[str]:
    """Modules and the profile's own lines; the first that fails fails the job."""
    modules = [f"module load {shlex.quote(module)}" for module in cluster["modules"]]
    path = f'export PYTHONPATH={shlex.quote(str(PROJECT))}"${{PYTHONPATH:+{os.pathsep}$PYTHONPATH}}"'
    # A warning that comes before the supervisor listens must not end the job.
    return ["trap '' USR2", "set -eo pipefail", *modules, *cluster["setup"], path]
