"""Jobs on this machine: a job is one process, the supervisor of a run, which outlives the orchestrator."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from orchestrator.installation.mpi import Mpi, find_mpi
from orchestrator.launch.base import JobState, OwnJob, Run, Scheduler, SubmissionError
from orchestrator.launch.dealing import Machine, read_machine
from orchestrator.launch.environment import LOCAL_JOB, without_foreign
from orchestrator.launch.job import PROJECT, planned_binding, rank_command
from orchestrator.plan import PlannedRun
from orchestrator.records import Claim, Manifest, Process, RunDirectory, host_name, read_record_if_whole, write_json
from orchestrator.records.files import make_own, open_own
from orchestrator.records.settings import ClusterSettings

_PROCESSES: dict[str, subprocess.Popen[bytes]] = {}
"""Jobs that this process started, reaped when they end."""


def start_process(folder: Path, words: Sequence[str]) -> str:
    """Start a job in a session of its own, with its output and process id in the folder; return the job's id.

    Raises OSError.
    """
    job_id = uuid.uuid4().hex[:12]
    make_own(folder)
    environment = {
        **without_foreign(os.environ),
        LOCAL_JOB: job_id,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")])),
    }
    with os.fdopen(open_own(folder / f"{job_id}.log", append=True), "ab") as output:
        process = subprocess.Popen(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _PROCESSES[job_id] = process
    record: Process = {"pid": process.pid, "started": process_started(process.pid)}
    write_json(process_file(folder, job_id), record)
    return job_id


def process_file(folder: Path, job_id: str) -> Path:
    """Return the file of a job's process id, for an orchestrator started later."""
    return folder / f"{job_id}.process.json"


def process_started(pid: int) -> float | None:
    """Return the start of the process, which tells it from a later one of the same id; None if there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None


def process_of(directory: RunDirectory, job_id: str) -> int | None:
    """Return the process id of a running job, otherwise None."""
    started = _PROCESSES.get(job_id)
    if started is not None and started.poll() is not None:
        return None
    record = read_record_if_whole(process_file(directory.jobs, job_id), Process)
    if record is not None:
        return record["pid"] if process_started(record["pid"]) == record["started"] else None
    # Its submitter died before it wrote that: what the job itself wrote.
    return claimed_by(directory, job_id)


def claimed_by(directory: RunDirectory, job_id: str) -> int | None:
    """Return the process id of a running job of this machine that has claimed an attempt, otherwise None."""
    for attempt in directory.attempts():
        claim = read_record_if_whole(attempt.claim, Claim)
        if claim is not None and claim["job"] == job_id and claim["host"] == host_name():
            started = process_started(claim["pid"])
            return claim["pid"] if started is not None and started <= claim["started"] + 1 else None
    return None


class LocalScheduler(Scheduler):
    """This machine as a scheduler: a job runs as soon as it is submitted."""

    name = "local"

    def submit(self, runs: Sequence[Run]) -> list[str]:
        """Start the supervisor of one attempt; return its job's id."""
        ((directory, manifest),) = runs
        words = [sys.executable, "-u", "-m", "orchestrator.launch.enter", str(directory.path), str(manifest.attempts)]
        try:
            return [start_process(directory.jobs, words)]
        except OSError as error:
            raise SubmissionError(f"{manifest.spec.run} could not be started: {error}") from error

    def states(self, runs: Sequence[Run]) -> dict[str, JobState]:
        """Return "running" for each job whose supervisor lives."""
        return {
            manifest.job_id: JobState("running")
            for directory, manifest in runs
            if manifest.job_id and process_of(directory, manifest.job_id) is not None
        }

    def cancel(self, runs: Sequence[Run]) -> None:
        """Ask each supervisor to end its ranks."""
        for directory, manifest in runs:
            pid = process_of(directory, manifest.job_id or "")
            if pid is not None:
                os.kill(pid, signal.SIGTERM)

    def missing(self, cluster: ClusterSettings) -> str | None:
        """Return why ranks cannot be started here: there is no mpirun."""
        if cluster["launcher"] != "mpirun" or find_mpi() is not None:
            return None
        return (
            "needs mpirun, and there is none: load your site's MPI module, or run `python -m orchestrator setup`, "
            "which installs one."
        )

    def own_job(self) -> OwnJob | None:
        """From what ``start_process`` sets."""
        job = os.environ.get(LOCAL_JOB)
        return OwnJob(job) if job else None

    def logs(self, run: Run) -> list[Path]:
        """Return the supervisor's output file."""
        directory, manifest = run
        return [directory.jobs / f"{manifest.job_id}.log"]

    def scripts(self, planned: Sequence[PlannedRun], folder: Path, max_jobs: int) -> dict[str, str]:
        """Return each run's environment and launcher command line, as a shell would take them."""
        machine = read_machine()
        return {run.spec.run: shell_script(run, RunDirectory(folder / run.spec.run), machine) for run in planned}


ANY_MPI = Mpi("site", None, Path("mpirun"), "Open MPI")
"""Stands in a plan for an MPI that is not here."""


def shell_script(planned: PlannedRun, directory: RunDirectory, machine: Machine) -> str:
    """Return the shell text that starts one run on this machine."""
    manifest = Manifest(planned.spec, planned.config, planned.config_hash, {}, 0.0)
    command = rank_command(manifest, directory.path, 1, planned_binding(manifest, machine), find_mpi() or ANY_MPI)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(command.environment.items())]
    return "\n".join([*lines, shlex.join(command.words)])
