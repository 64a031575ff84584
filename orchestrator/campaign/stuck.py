"""Gives up runs whose job waits for what never comes by itself."""

from __future__ import annotations

from orchestrator.campaign.state import RunStatus
from orchestrator.launch.base import Run, Scheduler
from orchestrator.records import failure_record, write_json


def give_up_stuck(scheduler: Scheduler, run: Run, status: RunStatus) -> None:
    """End a run whose job has been stuck for longer than ``cluster.limits.stuck_s``, and say why."""
    if status.stuck_s is None:
        return
    directory, manifest = run
    limit = manifest.config["cluster"]["limits"]["stuck_s"]
    if status.stuck_s < limit:
        return
    status.state, status.stuck_s = "failed", None
    status.cause = f"given up after {limit:g} s (cluster.limits.stuck_s): job {manifest.job_id} waits, {status.reason}"
    # Written first: whatever the scheduler then says of the job, this is why.
    write_json(directory.attempt(manifest.attempts).failure, failure_record("failed", status.cause))
    scheduler.cancel([run])
