"""A small Slurm job that submits its successor before it runs the sweep: for sites with neither scrontab nor cron."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime

from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.launch.slurm.states import meaning_of
from orchestrator.schedule.backends.base import COMMAND_SECONDS, BackEnd, BackEndError, Unit
from orchestrator.schedule.backends.crontabs import job_options
from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.templates import render_template
from orchestrator.schedule.timing import local_zone

UNCONFIGURED = "configuration source"
"""Part of the error of Slurm's commands if they find neither a configuration file nor a controller."""


@dataclass(frozen=True)
class Job:
    """A job of a schedule that waits for its time or, with ``runs``, has started. ``digest`` identifies its script."""

    number: str
    runs: bool
    begin: str
    digest: str


class ResubmittingJob(BackEnd):
    """Slurm keeps the time, by ``--begin``. A job that became due while Slurm was down starts when Slurm is back."""

    name = "slurm"

    def missing(self, schedule: Schedule) -> str | None:
        """Return why no job can be submitted here: no sbatch, or no Slurm. A Slurm that does not answer is
        not missing.
        """
        if shutil.which("sbatch") is None:
            return "there is no sbatch here: install the schedule on the machine's login node"
        try:
            query_jobs(schedule)
        except BackEndError as error:
            if UNCONFIGURED in str(error):
                return f"Slurm's commands are here, but no Slurm ({error}): set SLURM_CONF, or use the login node"
        return None

    def units(self, schedule: Schedule) -> list[Unit]:
        """Return the batch script of the next job."""
        return [Unit("a waiting job of Slurm (`sbatch`)", batch_script(schedule))]

    def install(self, schedule: Schedule) -> bool:
        """Submit the next job unless it waits already, and cancel waiting jobs of an earlier definition."""
        waiting = [job for job in query_jobs(schedule) if not job.runs]
        good = [job for job in waiting if job.digest == script_digest(schedule)]
        wrong = [job.number for job in waiting if job not in good[:1]]
        if wrong:
            query_output(["scancel", *wrong])
        if not good:
            (schedule.folder / "log").mkdir(parents=True, exist_ok=True, mode=0o700)
            query_output(["sbatch", "--parsable"], batch_script(schedule))
        return bool(wrong) or not good

    def remove(self, schedule: Schedule) -> bool:
        """Cancel the waiting jobs."""
        waiting = [job.number for job in query_jobs(schedule) if not job.runs]
        if waiting:
            query_output(["scancel", *waiting])
        return bool(waiting)

    def present(self, schedule: Schedule) -> bool:
        """Whether the next job waits."""
        return any(not job.runs and job.digest == script_digest(schedule) for job in query_jobs(schedule))


def query_output(command: list[str], stdin: str | None = None) -> str:
    """Return what a Slurm command prints. Raises BackEndError if it fails."""
    answer = query_slurm(command, COMMAND_SECONDS, stdin)
    if not answer.ok:
        raise BackEndError(f"{' '.join(command)}: {answer.complaint}")
    return answer.out


def batch_script(schedule: Schedule, begin: datetime | None = None) -> str:
    """Return the batch script of a job that begins at ``begin``, or at the schedule's next time."""
    moment = begin or next(schedule.timing.after(datetime.now(local_zone())))
    return render_template(
        "resubmit.sh", identity=schedule.identity, digest=script_digest(schedule), begin=f"{moment:%Y-%m-%dT%H:%M:%S}",
        options=job_options(schedule), start=str(schedule.start),
    )  # fmt: skip


def script_digest(schedule: Schedule) -> str:
    """Return the digest of all that the script holds except its begin."""
    text = repr((schedule.when, job_options(schedule), str(schedule.start)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def query_jobs(schedule: Schedule) -> list[Job]:
    """Return the schedule's waiting and running jobs, from one call of squeue."""
    lines = query_output(
        ["squeue", "--me", "--noheader", f"--name=orchestrator-{schedule.identity}", "--format=%i\x1f%T\x1f%S\x1f%k"]
    )
    found = []
    for line in lines.splitlines():
        words = [word.strip() for word in line.split("\x1f")]
        if len(words) == 4:
            number, state, begin, comment = words
            runs = meaning_of(state).state not in ("pending", "preempted-requeued")
            found.append(Job(number, runs, begin, comment.rpartition(":")[2]))
    return found
