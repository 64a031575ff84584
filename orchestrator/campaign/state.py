"""The state of each run, judged from scheduler, result file, failure file and heartbeat together."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from orchestrator.campaign.observing import Observed, observe, observe_unbegun
from orchestrator.campaign.submission import recover, unanswered_s
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
    read_record_if_whole,
    why_unwritable,
)
from orchestrator.records.choices import SCHEDULERS

REQUEUE_SECONDS = 90.0
"""How long a job that was ended to be started again has to appear in the queue."""
VANISHED_SECONDS = 10.0
"""How long a job that the scheduler no longer knows, or calls ended, has to show its result or the cause that its
supervisor wrote: a shared file system may show them some seconds late.
"""

LOOK_SECONDS = 0.5
WAITING = ("submitted", "pending")
"""States of a job that has not begun."""


@dataclass
class RunStatus:
    """The state of a run as users see it. ``cause`` is one line, for runs that did not complete."""

    run: str
    state: str
    cause: str | None = None
    reason: str = ""
    attempts: int = 0
    heartbeat: Heartbeat | None = None
    ranks: int = 0
    ranks_alive: int = 0
    suspended: bool = False
    """Whether its job stands still on its nodes."""
    stuck_s: float | None = None
    """For how long this process has seen its job wait for what never comes by itself; None if it does not."""
    resubmit: bool = False
    """Whether the orchestrator has to submit its next attempt."""
    damaged: bool = False
    """Whether its files cannot be read: what became of it is not known, and nothing takes their place."""
    unsettled: bool = False
    """Whether some seconds more will tell more than this process has seen so far."""

    @property
    def final(self) -> bool:
        """Whether the state cannot change by itself any more."""
        return self.state in FINAL_STATES


def judge_run(scheduler: Scheduler, run: Run, job: JobState | None) -> RunStatus:
    """Return one run's status. What cannot be read of it is its own trouble, and no other run's."""
    try:
        return judge_files(scheduler, run, job)
    except (RecordError, OSError) as error:
        manifest = run[1]
        status = RunStatus(manifest.spec.run, "failed", str(error), attempts=manifest.attempts, damaged=True)
        status.ranks = manifest.spec.ranks
        return status


def judge_files(scheduler: Scheduler, run: Run, job: JobState | None) -> RunStatus:
    """Return one run's status. A result or failure file of the deciding attempt outweighs the scheduler. Raises
    RecordError, OSError.
    """
    status = ended_status(run) if job is None else None
    if status is not None:
        return status
    directory, manifest = run
    status = RunStatus(manifest.spec.run, "planned", attempts=manifest.attempts, ranks=manifest.spec.ranks)
    if manifest.attempts == 0:
        return status
    manifest.attempts = status.attempts = directory.deciding_attempt(manifest.attempts)
    attempt = directory.attempt(manifest.attempts)
    status.heartbeat = read_record_if_whole(attempt.heartbeat, Heartbeat)
    observed = observe(attempt)
    over_s = observed.over_s(job is None or job.state in FINAL_STATES)
    patience = 3 * alive_period(manifest.spec.ranks) + 2
    seen, unknown = observed.signs.seen_alive(patience), observed.signs.unknown(patience)
    # Who gave signs before this process looked is believed alive until it can be known.
    status.ranks_alive, status.unsettled = seen + unknown, unknown > 0
    try:
        failure, complete = find_record(attempt.failure, Failure), is_complete(attempt, job)
    except RecordError as error:
        if job is None or job.state in FINAL_STATES:
            status.state, status.cause, status.damaged = "failed", str(error), True
            return status
        # Nobody will write it again, but a shared file system may yet show it whole.
        failure, complete = None, False
    if failure is not None and "requeue" in failure:
        await_next_attempt(status, failure, scheduler, manifest, job, observed, over_s)
    elif failure is not None:
        status.state, status.cause = failure["state"], failure["cause"]
    elif complete:
        status.state = "completed"
    elif job is not None and job.state not in FINAL_STATES:
        status.state, status.reason, status.suspended = job.state, job.reason, job.suspended
        # The scheduler's news are older than the ranks' own.
        status.stuck_s = observed.stuck_s(job.stuck and not seen)
        if job.state in WAITING and seen:
            status.state, status.reason = "running", ""
    elif job is not None and job.lost_nodes and comes_again(scheduler, manifest, job, over_s):
        status.state, status.reason = "preempted-requeued", end_of(manifest, job)
        status.unsettled = True
    elif job is not None and job.state != "completed" and over_s < VANISHED_SECONDS and attempt.claim.exists():
        status.state, status.unsettled = "running", True
    elif job is not None and goes_on_anew(manifest, job):
        status.state, status.reason, status.resubmit = "preempted-requeued", end_of(manifest, job), True
    elif job is not None and job.state != "completed":
        status.state, status.cause = job.state, end_of(manifest, job)
        words = "" if attempt.claim.exists() else scheduler.last_words(run)
        status.cause = f"{status.cause}, before any rank started: {words}" if words else status.cause
        if reason := why_unwritable(directory.path):
            status.cause = f"{status.cause}; {reason}, so that nothing could be written down there"
    elif manifest.job_id is None:
        status.state = "submitted"
        status.reason = f"the scheduler has not answered for {unanswered_s(run):.0f} s"
    elif not has_vanished(manifest, job, observed):
        # A shared file system may show the result some seconds after the job has ended.
        status.state, status.unsettled = "running", True
    else:
        gone = "has ended" if job is not None else "is gone"
        status.state = "lost" if job is None else "failed"
        status.cause = f"job {manifest.job_id} {gone} and left neither result nor cause; see {directory.jobs}"
        if reason := why_unwritable(directory.path):
            status.cause = f"job {manifest.job_id} {gone}; {reason}, so that nothing could be written down there"
    status.unsettled = status.unsettled and not status.final
    return status


def ended_status(run: Run) -> RunStatus | None:
    """Return the status of a run whose files tell, whatever its scheduler says, how its deciding attempt ended: it
    failed, or its supervisor confirmed its result. None where they do not. Raises RecordError, OSError.
    """
    directory, manifest = run
    if manifest.attempts == 0:
        return None
    number = directory.deciding_attempt(manifest.attempts)
    attempt = directory.attempt(number)
    failure = find_record(attempt.failure, Failure)
    state, cause = "completed", None
    if failure is not None:
        if "requeue" in failure:
            return None
        state, cause = failure["state"], failure["cause"]
    elif not attempt.ended.exists() or find_record(attempt.result, Result) is None:
        return None
    manifest.attempts = number
    return RunStatus(manifest.spec.run, state, cause, attempts=number, ranks=manifest.spec.ranks)


def ended_statuses(runs: Mapping[int, Run]) -> dict[int, RunStatus]:
    """Return the statuses of the runs that have ended for good, by their places: their scheduler need not be asked."""
    found = {}
    for place, run in runs.items():
        with suppress(RecordError, OSError):
            status = ended_status(run)
            if status is not None and status.final and status.state != "lost":
                found[place] = status
    return found


def is_unbegun(run: Run) -> bool:
    """Whether a run's job is known and nothing has been written of its first attempt: what ten questions for its files
    would tell, too, of each of thousands of jobs that wait.
    """
    directory, manifest = run
    if manifest.attempts != 1 or manifest.job_id is None:
        return False
    try:
        with os.scandir(directory.attempt(1).path) as found:
            return next(found, None) is None and not os.path.lexists(directory.attempt(2).path)
    except OSError:
        return False


def waiting_status(run: Run, job: JobState) -> RunStatus:
    """Return the status of a run of which ``is_unbegun`` is true and whose job waits."""
    directory, manifest = run
    status = RunStatus(manifest.spec.run, job.state, reason=job.reason, attempts=1, ranks=manifest.spec.ranks)
    observed = observe_unbegun(directory.attempt(1))
    observed.over_s(False)
    status.stuck_s = observed.stuck_s(job.stuck)
    return status


def await_next_attempt(
    status: RunStatus,
    failure: Failure,
    scheduler: Scheduler,
    manifest: Manifest,
    job: JobState | None,
    observed: Observed,
    over_s: float,
) -> None:
    """Set the status of an attempt that stopped to be continued, by the scheduler's requeue or by a new job of ours.
    ``over_s``: for how long its job has been over.
    """
    status.state, status.reason = "preempted-requeued", failure["cause"]
    over = job is None or job.state in FINAL_STATES
    if failure["requeue"] == "orchestrator":
        status.resubmit = over
    elif job is None:
        # Whoever collects has not asked for it; a scheduler that was asked has waited for it already.
        if over_s >= REQUEUE_SECONDS:
            status.state, status.cause = "lost", f"{failure['cause']}; job {manifest.job_id} is gone"
    elif not over or comes_again(scheduler, manifest, job, over_s):
        status.unsettled = over
        status.stuck_s = observed.stuck_s(job.stuck)
        status.reason += f"; in the queue ({job.reason})" if job.reason and not over else ""
    elif job.state == "completed" or goes_on_anew(manifest, job):
        status.resubmit = True
    else:
        back = "" if job.preempted else "back in the queue, "
        status.state, status.cause = job.state, f"{back}{end_of(manifest, job)}"


def end_of(manifest: Manifest, job: JobState) -> str:
    """Return how a run's job ended, as its scheduler tells it."""
    return f"job {manifest.job_id} {job.reason}" if job.reason else f"job {manifest.job_id}: {job.state}"


def comes_again(scheduler: Scheduler, manifest: Manifest, job: JobState, over_s: float) -> bool:
    """Whether a job that its scheduler has called ended for ``over_s`` may still return to the queue, which takes some
    seconds.
    """
    again = scheduler.requeues(manifest) and has_attempts(manifest)
    return again and job.state != "cancelled" and over_s < REQUEUE_SECONDS


def goes_on_anew(manifest: Manifest, job: JobState) -> bool:
    """Whether a job that ended is followed by another one of ours: it did not fail, its nodes were needed."""
    return job.preempted and has_attempts(manifest)


def has_attempts(manifest: Manifest) -> bool:
    """Whether the run may have another attempt."""
    return manifest.attempts < manifest.config["cluster"]["limits"]["max_attempts"]


def has_vanished(manifest: Manifest, job: JobState | None, observed: Observed) -> bool:
    """Whether a job that is over has had its time to show a result."""
    if SCHEDULERS[manifest.scheduler].here:
        # Job and files are this host's own; so are their stamps, unless a file server that is ahead gave them: then the
        # run has as long as under a scheduler, by this process's own clock.
        if now() - last_sign(observed.attempt, manifest.submitted or now()) > VANISHED_SECONDS:
            return True
    elif job is None and not observed.wrote:
        # The scheduler has waited for it already, and nothing of it was ever there.
        return True
    return observed.quiet_s > VANISHED_SECONDS


def is_complete(attempt: AttemptDirectory, job: JobState | None) -> bool:
    """Whether there is a valid result: its supervisor confirmed it, or its job has ended.

    Raises RecordError for a damaged result.
    """
    over = attempt.ended.exists() or job is None or job.state in FINAL_STATES
    return over and find_record(attempt.result, Result) is not None


def last_sign(attempt: AttemptDirectory, otherwise: float) -> float:
    """Return the time of the attempt's last writing on this host, seconds since the epoch."""
    times = [otherwise]
    for path in (attempt.alive, attempt.heartbeat, attempt.stderr):
        try:
            times.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(times)


def query_statuses(scheduler: Scheduler, runs: Sequence[Run], patience_s: float = 0.0) -> list[RunStatus]:
    """Return the statuses of the runs, in order, with one query to the scheduler.

    A process that asks once and ends has seen too little to settle some states: it may wait for up to ``patience_s``.
    """
    deadline = time.monotonic() + patience_s
    while True:
        unbegun = {place for place, run in enumerate(runs) if is_unbegun(run)}
        ended = ended_statuses({place: run for place, run in enumerate(runs) if place not in unbegun})
        recover(scheduler, [run for place, run in enumerate(runs) if place not in ended and place not in unbegun])
        others = [run for place, run in enumerate(runs) if place not in ended]
        states = scheduler.states(others) if others else {}
        found = []
        for place, run in enumerate(runs):
            job = states.get(run[1].job_id or "")
            if place in ended:
                found.append(ended[place])
            elif place in unbegun and job is not None and job.state in WAITING:
                found.append(waiting_status(run, job))
            else:
                found.append(judge_run(scheduler, run, job))
        if time.monotonic() >= deadline or not any(status.unsettled for status in found):
            return found
        time.sleep(LOOK_SECONDS)
