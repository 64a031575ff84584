"""Jobs on this machine: a submitit executor whose jobs outlive the orchestrator and start their ranks with mpirun.

submitit's own LocalExecutor takes one node only and gives its processes no MPI. Here a job is one process, the
supervisor, in a session of its own.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submitit.core import core
from submitit.helpers import clean_env
from submitit.local.local import LocalJob

from orchestrator.launch.base import JobState, Run, Scheduler, SubmissionError
from orchestrator.launch.job import PROJECT, rank_command
from orchestrator.plan import PlannedRun
from orchestrator.records import Claim, Manifest, Process, RunDirectory, host_name, read_record_if_whole, write_json

_PROCESSES: dict[str, subprocess.Popen[bytes]] = {}
"""Jobs that this process started, to be reaped when they end."""


class LocalMpiExecutor(core.PicklingExecutor):
    """Runs each submitted call as one detached process on this machine."""

    job_class = LocalJob

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # submitit spaces submissions out for a scheduler's sake; there is none here.
        self._throttling = 0.0

    def _submit_command(self, command: str) -> core.Job[Any]:
        job_id = uuid.uuid4().hex[:12]
        log = self.folder / f"{job_id}.log"
        with clean_env():
            environment = {
                **os.environ,
                "SUBMITIT_EXECUTOR": "local",
                "SUBMITIT_LOCAL_JOB_ID": job_id,
                "SUBMITIT_LOCAL_NTASKS": "1",
                "SUBMITIT_LOCAL_JOB_NUM_NODES": "1",
                "SUBMITIT_LOCAL_NODEID": "0",
                "SUBMITIT_LOCAL_GLOBALID": "0",
                "SUBMITIT_LOCAL_LOCALID": "0",
                "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")])),
            }
        with log.open("ab") as output:
            process = subprocess.Popen(
                shlex.split(command),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _PROCESSES[job_id] = process
        record: Process = {"pid": process.pid, "started": process_started(process.pid)}
        write_json(process_file(self.folder, job_id), record)
        return LocalJob(folder=self.folder, job_id=job_id, tasks=[0])

    def _num_tasks(self) -> int:
        return 1

    def _make_submission_file_text(self, command: str, uid: str) -> str:
        return command + "\n"

    def _make_submission_command(self, submission_file_path: Path) -> list[str]:
        return ["sh", str(submission_file_path)]

    @staticmethod
    def _get_job_id_from_submission_command(string: bytes | str) -> str:
        return string.decode() if isinstance(string, bytes) else string


def process_file(folder: Path, job_id: str) -> Path:
    """Where a job's process id is kept, for an orchestrator started later."""
    return folder / f"{job_id}.process.json"


def process_started(pid: int) -> float | None:
    """When the process began, which tells it from a later one of the same id; None if there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None


def process_of(directory: RunDirectory, job_id: str) -> int | None:
    """Process id of a job that is still running, else None."""
    started = _PROCESSES.get(job_id)
    if started is not None and started.poll() is not None:
        return None
    record = read_record_if_whole(process_file(directory.jobs, job_id), Process)
    if record is not None:
        return record["pid"] if process_started(record["pid"]) == record["started"] else None
    # Its submitter died before it wrote that: what the job itself wrote.
    return claimed_by(directory, job_id)


def claimed_by(directory: RunDirectory, job_id: str) -> int | None:
    """Process id of a job of this machine that has claimed an attempt and still runs, else None."""
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
        """Start the supervisor of one attempt."""
        ((directory, manifest),) = runs
        words = [sys.executable, "-u", "-m", "orchestrator.launch.enter", str(directory.path), str(manifest.attempts)]
        try:
            job = LocalMpiExecutor(directory.jobs)._submit_command(shlex.join(words))
        except OSError as error:
            raise SubmissionError(f"{manifest.spec.run} could not be started: {error}") from error
        return [str(job.job_id)]

    def states(self, runs: Sequence[Run]) -> dict[str, JobState]:
        """Running, as long as the supervisor's process lives."""
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

    def scripts(self, planned: Sequence[PlannedRun], folder: Path, max_jobs: int) -> dict[str, str]:
        """The environment and the launcher's command line of each, as a shell would take them."""
        return {run.spec.run: script(run, RunDirectory(folder / run.spec.run)) for run in planned}


def script(planned: PlannedRun, directory: RunDirectory) -> str:
    """What starts one run."""
    manifest = Manifest(planned.spec, planned.config, planned.config_hash, {}, 0.0)
    command = rank_command(manifest, directory.path, attempt=1)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(command.environment.items())]
    return "\n".join([*lines, shlex.join(command.words)])
