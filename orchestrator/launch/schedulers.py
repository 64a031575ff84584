"""The table of schedulers."""

from __future__ import annotations

import os
from importlib import import_module

from orchestrator.launch.base import OwnJob, Scheduler

SCHEDULERS = {
    "local": "orchestrator.launch.local.LocalScheduler",
    "slurm": "orchestrator.launch.slurm.scheduler.SlurmScheduler",
}
"""Classes by the names of ``orchestrator.records.choices``. Each is imported at first use."""


def scheduler(name: str) -> Scheduler:
    """Return the scheduler of that name."""
    module, _, kind = SCHEDULERS[name].rpartition(".")
    made: Scheduler = getattr(import_module(module), kind)()
    return made


def own_job() -> OwnJob:
    """Return the job that this process runs in, under any scheduler; without one, a job named by the process id."""
    found = (scheduler(name).own_job() for name in SCHEDULERS)
    return next((job for job in found if job is not None), OwnJob(f"process {os.getpid()}"))


def may_live(job_id: str) -> bool:
    """Whether any scheduler here has a job of that id that has not ended, or does not answer."""
    return any(scheduler(name).may_live(job_id) for name in SCHEDULERS)
