"""Jobs on a Slurm machine, submitted through submitit: one batch script a run, which becomes the supervisor."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.helpers import clean_env
from submitit.slurm.slurm import SlurmExecutor

from orchestrator.launch.base import JobState, Scheduler, SubmissionError
from orchestrator.launch.job import PROJECT
from orchestrator.launch.slurm_states import query
from orchestrator.launch.supervisor import supervise
from orchestrator.plan import PlannedRun
from orchestrator.records import Manifest, RunDirectory, RunSpec

WARNING_SECONDS = 90
"""So long before the time limit Slurm warns the supervisor."""


class BatchExecutor(SlurmExecutor):
    """submitit's executor, whose script starts no srun step of its own and never names a wckey nobody asked for."""

    @property
    def _submitit_command_str(self) -> str:
        # exec: the batch shell becomes the supervisor, so that Slurm's signals reach it.
        return "exec " + super()._submitit_command_str

    def _make_submission_file_text(self, command: str, uid: str) -> str:
        text = super()._make_submission_file_text(command, uid)
        return text.replace("#SBATCH --wckey=submitit\n", "")

    @classmethod
    def affinity(cls) -> int:
        """Scripts can be printed on a machine without Slurm, too."""
        return 2


def sbatch_parameters(spec: RunSpec, cluster: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """submitit's parameters for a run, from the cluster's profile."""
    slurm = cluster["slurm"]
    additional = {"signal": f"B:USR2@{WARNING_SECONDS}", **slurm["additional"]}
    if slurm["reservation"]:
        additional["reservation"] = slurm["reservation"]
    parameters: dict[str, Any] = {
        "job_name": spec.run[:64],
        "comment": run_id,
        "time": cluster["limits"]["time_min"],
        "nodes": spec.nodes,
        "ntasks_per_node": spec.ranks_per_node,
        "cpus_per_task": spec.threads_per_rank,
        "use_srun": False,
        "stderr_to_stdout": True,
        "setup": setup_lines(cluster),
        "additional_parameters": additional,
    }
    names = ("partition", "account", "qos", "constraint", "wckey", "gres", "gpus_per_node", "exclude")
    parameters |= {name: slurm[name] for name in names if slurm[name] is not None}
    if slurm["memory_gb"]:
        parameters["mem"] = f"{int(1024 * slurm['memory_gb'])}MB"
    if slurm["exclusive"]:
        parameters["exclusive"] = True
    return parameters


def setup_lines(cluster: Mapping[str, Any]) -> list[str]:
    """Modules and the profile's own lines; the first that fails fails the job."""
    modules = [f"module load {shlex.quote(module)}" for module in cluster["modules"]]
    path = os.pathsep.join([str(PROJECT), "${PYTHONPATH:-}"])
    return ["set -eo pipefail", *modules, *cluster["setup"], f'export PYTHONPATH="{path}"']


def run_identity(spec: RunSpec) -> str:
    """What a job carries as its comment, to be known again."""
    return f"orchestrator:{spec.campaign}/{spec.run}"


def executor_for(directory: RunDirectory, manifest: Manifest) -> BatchExecutor:
    """submitit's executor with the run's parameters."""
    cluster = manifest.config["cluster"]
    executor = BatchExecutor(directory.jobs, python=shlex.quote(cluster["python"] or sys.executable))
    executor._throttling = 0.0
    executor.update_parameters(**sbatch_parameters(manifest.spec, cluster, run_identity(manifest.spec)))
    return executor


class SlurmScheduler(Scheduler):
    """A machine's Slurm."""

    name = "slurm"

    def submit(self, directory: RunDirectory, manifest: Manifest, attempt: int) -> str:
        """sbatch, with nothing of this shell's own SLURM_ and SBATCH_ variables."""
        try:
            with own_environment():
                job = executor_for(directory, manifest).submit(supervise, str(directory.path), attempt)
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            raise SubmissionError(f"Slurm did not take {manifest.spec.run}: {sbatch_words(str(error))}") from error
        return str(job.job_id)

    def states(self, runs: Sequence[tuple[RunDirectory, Manifest]]) -> dict[str, JobState]:
        """All in one query."""
        wanted = {
            manifest.job_id: (run_identity(manifest.spec), manifest.submitted or manifest.created)
            for _, manifest in runs
            if manifest.job_id
        }
        return query(wanted)

    def cancel(self, runs: Sequence[tuple[RunDirectory, Manifest]]) -> None:
        """scancel; the supervisor gets the signal with the ranks and writes down the end."""
        jobs = [manifest.job_id for _, manifest in runs if manifest.job_id]
        if jobs:
            subprocess.run(["scancel", "--full", *jobs], capture_output=True, text=True, timeout=60)

    def script(self, planned: PlannedRun, directory: RunDirectory) -> str:
        """The batch script, and in it as a comment what the supervisor will start."""
        from orchestrator.launch.job import rank_command

        manifest = Manifest(planned.spec, planned.config, planned.config_hash, {}, 0.0)
        executor = BatchExecutor.__new__(BatchExecutor)
        executor.folder = Path(directory.jobs)
        executor.python = shlex.quote(planned.config["cluster"]["python"] or sys.executable)
        executor.parameters = sbatch_parameters(planned.spec, planned.config["cluster"], run_identity(planned.spec))
        text = executor._make_submission_file_text(executor._submitit_command_str, "plan")
        command = rank_command(manifest, directory.path, attempt=1)
        lines = [f"# {name}={shlex.quote(value)}" for name, value in sorted(command.environment.items())]
        return "\n".join(
            [text.rstrip(), "# which starts, in the allocation:", *lines, f"# {shlex.join(command.words)}"]
        )


@contextmanager
def own_environment() -> Iterator[None]:
    """The environment without what a surrounding job or shell says to sbatch, but with where Slurm's own file is."""
    conf = os.environ.get("SLURM_CONF")
    with clean_env():
        if conf:
            os.environ["SLURM_CONF"] = conf
        yield


def sbatch_words(text: str) -> str:
    """sbatch's own complaint out of submitit's account of it."""
    found = re.findall(r"sbatch: (?:error: )?(.+)", text)
    return "; ".join(dict.fromkeys(line.strip() for line in found)) or text.strip().splitlines()[-1]
