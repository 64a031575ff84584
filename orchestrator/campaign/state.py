"""What has become of each run: scheduler, result file, failure file and heartbeat heard together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.campaign.submission import recover
from orchestrator.launch.base import JobState, Run, Scheduler
from orchestrator.records import (
    FINAL_STATES,
    AttemptDirectory,
    Failure,
    Heartbeat,
    Manifest,
    RecordError,
    Result,
    alive_period,
    find_record,
    now,
    read_alive,
    read_record_if_whole,
)

REQUEUE_SECONDS = 90.0
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
    heartbeat: Heartbeat | None = None
    ranks: int = 0
    ranks_alive: int = 0
    resubmit: bool = False
    """Whether it waits for the orchestrator to submit its next attempt."""

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.state in FINAL_STATES


def judge(scheduler: Scheduler, run: Run, job: JobState | None) -> RunStatus:
    """One run's status. A whole result or failure file of the newest attempt decides before any scheduler's word."""
    directory, manifest = run
    status = RunStatus(manifest.spec.run, "planned", attempts=manifest.attempts, ranks=manifest.spec.ranks)
    if manifest.attempts == 0:
        return status
    manifest.attempts = status.attempts = directory.newest_attempt(manifest.attempts)
    attempt = directory.attempt(manifest.attempts)
    status.heartbeat = read_record_if_whole(attempt.heartbeat, Heartbeat)
    status.ranks_alive = ranks_alive(attempt, manifest.spec.ranks)
    try:
        failure, complete = find_record(attempt.failure, Failure), is_complete(attempt, job)
    except RecordError as error:
        if job is None or job.state in FINAL_STATES:
            status.state, status.cause = "failed", str(error)
            return status
        # Nobody will write it again, but a shared file system may yet show it whole.
        failure, complete = None, False
    if failure is not None and "requeue" in failure:
        await_next_attempt(status, failure, scheduler, manifest, job)
    elif failure is not None:
        status.state, status.cause = failure["state"], failure["cause"]
    elif complete:
        status.state = "completed"
    elif job is not None and job.state not in FINAL_STATES:
        status.state, status.reason = job.state, job.reason
        if job.state in ("submitted", "pending") and status.ranks_alive:
            # The scheduler's news are older than the ranks' own.
            status.state, status.reason = "running", ""
    elif job and job.state == "node-failed" and comes_again(scheduler, manifest, heard_at(status, manifest)):
        status.state, status.reason = "preempted-requeued", f"job {manifest.job_id}: a node failed"
    elif job is not None and job.state != "completed":
        status.state, status.cause = job.state, job.reason or f"job {manifest.job_id}: {job.state}"
        words = "" if attempt.claim.exists() else scheduler.last_words(run)
        status.cause = f"{status.cause}, before any rank started: {words}" if words else status.cause
    elif manifest.job_id is None:
        status.state = "submitted"
    elif now() - last_sign(attempt, manifest.submitted or now()) <= VANISHED_SECONDS:
        # A shared file system may show the result some seconds after the job has ended.
        status.state = "running"
    else:
        gone = "has ended" if job is not None else "is gone"
        status.state = "lost" if job is None else "failed"
        status.cause = f"job {manifest.job_id} {gone} and left neither result nor cause; see {directory.jobs}"
    return status


def await_next_attempt(
    status: RunStatus, failure: Failure, scheduler: Scheduler, manifest: Manifest, job: JobState | None
) -> None:
    """An attempt has stopped to go on as another: one that the scheduler starts, unless that was cancelled, or ours."""
    status.state, status.reason = "preempted-requeued", failure["cause"]
    by_scheduler = failure["requeue"] != "orchestrator"
    over = job is not None and job.state in FINAL_STATES
    cancelled = job is not None and job.state == "cancelled"
    waits = not over or (not cancelled and comes_again(scheduler, manifest, failure["ended"]))
    if by_scheduler and waits:
        status.reason += f"; in the queue ({job.reason})" if job is not None and job.reason else ""
    elif by_scheduler and job is not None and job.state != "completed":
        status.state, status.cause = job.state, f"job {manifest.job_id}, back in the queue: {job.reason or job.state}"
    else:
        status.resubmit = job is None or job.state in FINAL_STATES


def heard_at(status: RunStatus, manifest: Manifest) -> float:
    """When rank 0 last gave a sign of life, seconds since the epoch."""
    return status.heartbeat["time"] if status.heartbeat else manifest.submitted or manifest.created


def comes_again(scheduler: Scheduler, manifest: Manifest, ended: float) -> bool:
    """Whether a job may yet go back into the queue that its scheduler calls ended: that takes some seconds."""
    most = manifest.config["cluster"]["limits"]["max_attempts"]
    return scheduler.requeues(manifest) and manifest.attempts < most and now() - ended < REQUEUE_SECONDS


def is_complete(attempt: AttemptDirectory, job: JobState | None) -> bool:
    """Whether there is a result that stands: its supervisor said so, or its job is over.

    Raises RecordError for a result that is damaged.
    """
    over = attempt.ended.exists() or job is None or job.state in FINAL_STATES
    return over and find_record(attempt.result, Result) is not None


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


def look(scheduler: Scheduler, runs: Sequence[Run]) -> list[RunStatus]:
    """Statuses of runs in the order given, for one query to the scheduler."""
    recover(scheduler, runs)
    states = scheduler.states(runs)
    return [judge(scheduler, run, states.get(run[1].job_id or "")) for run in runs]
