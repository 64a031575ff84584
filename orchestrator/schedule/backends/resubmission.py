"""A small Slurm job that submits its successor before it runs the sweep: for sites with neither scrontab nor cron."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime

from orchestrator.launch.slurm.scheduler import own_environment
from orchestrator.schedule.backends.base import BackEnd, BackEndError, Unit, told
from orchestrator.schedule.backends.crontabs import job_options
from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.templates import render
from orchestrator.schedule.timing import local_zone

UNCONFIGURED = "configuration source"
"""What Slurm's commands say where they find neither a file nor a controller to ask for one."""


@dataclass(frozen=True)
class Job:
    """A job of a schedule: waiting for its time, unless it ``runs``. ``digest`` is of the script that made it."""

    number: str
    runs: bool
    begin: str
    digest: str


class ResubmittingJob(BackEnd):
    """Slurm keeps the time (``--begin``): a job whose time passed while Slurm was down starts when it is back."""

    name = "slurm"

    def missing(self, schedule: Schedule) -> str | None:
        """sbatch must be there, and know of a Slurm. One that is only silent for now is not missing."""
        if shutil.which("sbatch") is None:
            return "there is no sbatch here: install the schedule on the machine's login node"
        try:
            jobs(schedule)
        except BackEndError as error:
            if UNCONFIGURED in str(error):
                return f"Slurm's commands are here, but no Slurm ({error}): set SLURM_CONF, or use the login node"
        return None

    def units(self, schedule: Schedule) -> list[Unit]:
        """The batch script of the next job."""
        return [Unit("a waiting job of Slurm (`sbatch`)", script(schedule))]

    def install(self, schedule: Schedule) -> bool:
        """Submit the next job unless it waits already; one of an earlier definition is replaced."""
        waiting = [job for job in jobs(schedule) if not job.runs]
        good = [job for job in waiting if job.digest == digest(schedule)]
        wrong = [job.number for job in waiting if job not in good[:1]]
        if wrong:
            told(["scancel", *wrong])
        if not good:
            (schedule.folder / "log").mkdir(parents=True, exist_ok=True, mode=0o700)
            with own_environment():
                told(["sbatch", "--parsable"], script(schedule).encode())
        return bool(wrong) or not good

    def remove(self, schedule: Schedule) -> bool:
        """Cancel the job that waits."""
        waiting = [job.number for job in jobs(schedule) if not job.runs]
        if waiting:
            told(["scancel", *waiting])
        return bool(waiting)

    def present(self, schedule: Schedule) -> bool:
        """Whether the next job waits."""
        return any(not job.runs and job.digest == digest(schedule) for job in jobs(schedule))


def script(schedule: Schedule, begin: datetime | None = None) -> str:
    """The batch script for the schedule's next time."""
    moment = begin or next(schedule.timing.after(datetime.now(local_zone())))
    return render(
        "resubmit.sh", identity=schedule.identity, digest=digest(schedule), begin=f"{moment:%Y-%m-%dT%H:%M:%S}",
        options=job_options(schedule), start=str(schedule.start),
    )  # fmt: skip


def digest(schedule: Schedule) -> str:
    """Of all that the script says but the time of one job."""
    text = repr((schedule.when, job_options(schedule), str(schedule.start)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def jobs(schedule: Schedule) -> list[Job]:
    """The schedule's jobs that wait or run, in one query."""
    lines = told(
        ["squeue", "--me", "--noheader", f"--name=orchestrator-{schedule.identity}", "--format=%i\x1f%T\x1f%S\x1f%k"]
    )
    found = []
    for line in lines.decode(errors="replace").splitlines():
        number, state, begin, comment = (word.strip() for word in line.split("\x1f"))
        found.append(Job(number, state != "PENDING", begin, comment.rpartition(":")[2]))
    return found
