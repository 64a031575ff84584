"""What has become of each run: scheduler, result file, failure file and heartbeat heard together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.launch.base import JobState, Scheduler
from orchestrator.records import (
    FINAL_STATES,
    AttemptDirectory,
    Manifest,
    RunDirectory,
    alive_period,
    now,
    read_alive,
    read_json_if_whole,
)

VANISHED_SECONDS = 10.0
"""A job that the scheduler no longer knows has so long to show its result before it counts as lost."""


@dataclass
class RunStatus:
    """A run as users see it. ``cause`` is one line, for runs that did not complete."""

    run: str
    state: str
    cause: str | None = None
    reason: str = ""
    attempts: int = 0
    heartbeat: dict[str, Any] = field(default_factory=dict)
    ranks: int = 0
    ranks_alive: int = 0

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.state in FINAL_STATES


def judge(directory: RunDirectory, manifest: Manifest, job: JobState | None) -> RunStatus:
    """One run's status. A whole result or failure file of the newest attempt decides before any scheduler's word."""
    status = RunStatus(manifest.spec.run, "planned", attempts=manifest.attempts, ranks=manifest.spec.ranks)
    if manifest.attempts == 0:
        return status
    attempt = directory.attempt(manifest.attempts)
    status.heartbeat = read_json_if_whole(attempt.heartbeat) or {}
    status.ranks_alive = ranks_alive(attempt, manifest.spec.ranks)
    failure = read_json_if_whole(attempt.failure)
    if failure is not None:
        status.state, status.cause = str(failure["state"]), str(failure["cause"])
    elif job is not None and job.state not in FINAL_STATES:
        status.state, status.reason = job.state, job.reason
    elif read_json_if_whole(attempt.result) is not None:
        status.state = "completed"
    elif job is not None and job.state != "completed":
        status.state, status.cause = job.state, job.reason or f"job {manifest.job_id}: {job.state}"
    elif manifest.submitted is None:
        status.state = "submitted"
    elif now() - last_sign(attempt, manifest.submitted) <= VANISHED_SECONDS:
        # A shared file system may show the result some seconds after the job has ended.
        status.state = "running"
    else:
        gone = "has ended" if job is not None else "is gone"
        status.state = "lost" if job is None else "failed"
        status.cause = f"job {manifest.job_id} {gone} and left neither result nor cause; see {directory.jobs}"
    return status


def last_sign(attempt: AttemptDirectory, otherwise: float) -> float:
    """When the attempt last wrote anything, seconds since the epoch."""
    times = [otherwise]
    for path in (attempt.alive, attempt.heartbeat, attempt.stderr):
        try:
            times.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(times)


def ranks_alive(attempt: AttemptDirectory, ranks: int) -> int:
    """Ranks that gave a sign of life within the last few periods."""
    oldest = now() - 3 * alive_period(ranks) - 2
    return sum(slot.written >= oldest for slot in read_alive(attempt.alive).values())


def look(scheduler: Scheduler, runs: Sequence[tuple[RunDirectory, Manifest]]) -> list[RunStatus]:
    """Statuses of runs in the order given, for one query to the scheduler."""
    states = scheduler.states(runs)
    return [judge(directory, manifest, states.get(manifest.job_id or "")) for directory, manifest in runs]
