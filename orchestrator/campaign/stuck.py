"""Gives up runs whose job waits for what never comes by itself."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.campaign.state import RunStatus
from orchestrator.launch.base import Run, Scheduler
from orchestrator.records import failure_record, write_json


def give_up_stuck(scheduler: Scheduler, runs: Sequence[Run], statuses: Sequence[RunStatus]) -> None:
    """End the runs whose job has been stuck for longer than ``cluster.limits.stuck_s``, and say why.

    What is known of a job may be older than its release, so the scheduler is asked once more. A run of whose job it
    does not say the same again goes on.
    """
    overdue = [(run, status) for run, status in zip(runs, statuses, strict=True) if is_overdue(run, status)]
    if not overdue:
        return
    jobs = scheduler.states_now([run for run, _ in overdue])
    given_up = []
    for run, status in overdue:
        directory, manifest = run
        job = jobs.get(manifest.job_id or "")
        if job is None or not job.stuck:
            continue
        limit = f"{stuck_limit(run):g} s (cluster.limits.stuck_s)"
        cause = f"given up after {limit}: job {manifest.job_id} waits, {job.reason}"
        # Written first: whatever the scheduler then says of the job, this is why.
        write_json(directory.attempt(manifest.attempts).failure, failure_record("failed", cause))
        status.state, status.cause, status.stuck_s = "failed", cause, None
        given_up.append(run)
    if given_up:
        scheduler.cancel(given_up)


def is_overdue(run: Run, status: RunStatus) -> bool:
    """Whether a run's job has been stuck for longer than its profile allows, as far as is known."""
    return status.stuck_s is not None and status.stuck_s >= stuck_limit(run)


def stuck_limit(run: Run) -> float:
    """Return how long a run's job may be stuck, s."""
    return float(run[1].config["cluster"]["limits"]["stuck_s"])
