"""From a manifest to a job. Each step is recorded before the scheduler is asked, and recovered if the asking process
dies.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from orchestrator.campaign.decisions import decisions, is_cancelled
from orchestrator.launch.base import (
    Run,
    Scheduler,
    SchedulerBusy,
    SubmissionError,
    SubmissionUnsure,
    TooManyTogether,
)
from orchestrator.records import Claim, failure_record, now, read_record_if_whole, write_json

LOGGER = logging.getLogger(__name__)
UNSURE_SECONDS = 15.0
"""A submission without any sign from job and scheduler for this long did not arrive."""
UNANSWERED: dict[Path, float] = {}
"""When this process first saw an attempt without its job, by its monotonic clock."""


def submit(scheduler: Scheduler, runs: Sequence[Run]) -> None:
    """Start the next attempts of similar runs, except those that were cancelled meanwhile.

    Raises SchedulerBusy, without a change, if the scheduler takes none now.
    """
    with decisions(runs[0][0].path.parent):
        for run in runs:
            if is_cancelled(run):
                # From now on it counts as what it is on disk.
                run[1].attempts = max(1, run[1].attempts)
        wanted = [run for run in runs if not is_cancelled(run)]
        if wanted:
            submit_together(scheduler, wanted)


def submit_together(scheduler: Scheduler, runs: Sequence[Run]) -> None:
    """Submit similar runs. Manifests record the attempts before the scheduler is asked, and their jobs afterwards."""
    for directory, manifest in runs:
        manifest.attempts += 1
        manifest.job_id, manifest.submitted = None, None
        manifest.asked, manifest.asked_on = now(), socket.gethostname()
        directory.attempt(manifest.attempts).make()
    scheduler.mark(runs)
    for directory, manifest in runs:
        directory.write_manifest(manifest)
    try:
        jobs = scheduler.submit(runs)
    except SchedulerBusy as error:
        LOGGER.info("%d runs were not taken now: %s", len(runs), error)
        for run in runs:
            take_back(run)
        raise
    except SubmissionUnsure as error:
        LOGGER.info("%d runs may or may not have arrived: %s", len(runs), error)
        return
    except SubmissionError as error:
        LOGGER.info("%d runs were refused: %s", len(runs), error)
        for directory, manifest in runs:
            write_json(directory.attempt(manifest.attempts).failure, failure_record("failed", str(error)))
        return
    for run, job in zip(runs, jobs, strict=True):
        settle_submission(run, job)


def settle_submission(run: Run, job: str) -> None:
    """Record the job of the newest attempt."""
    directory, manifest = run
    if manifest.job_id == job:
        return
    manifest.job_id = job
    manifest.submitted = manifest.submitted or now()
    manifest.attempt_jobs.append(job)
    directory.write_manifest(manifest)
    LOGGER.info("%s: attempt %d is job %s", manifest.spec.run, manifest.attempts, job)


def take_back(run: Run) -> None:
    """Remove the newest attempt, which was never submitted."""
    directory, manifest = run
    attempt = directory.attempt(manifest.attempts)
    manifest.attempts -= 1
    manifest.job_id, manifest.submitted, manifest.tag = None, None, None
    manifest.asked, manifest.asked_on = None, None
    directory.write_manifest(manifest)
    try:
        attempt.path.rmdir()
    except OSError:
        # The next attempt of that number uses it.
        return


def submit_all(scheduler: Scheduler, runs: Sequence[Run]) -> str:
    """Submit runs, similar ones together; return why no more were taken, or ""."""
    order = sorted(runs, key=lambda run: str(scheduler.alike(run))) if scheduler.most_at_once > 1 else list(runs)
    for _, alike in groupby(order, scheduler.alike):
        group = list(alike)
        size = min(len(group), scheduler.most_at_once)
        while group:
            try:
                submit(scheduler, group[:size])
                group = group[size:]
            except SchedulerBusy as error:
                if size == 1:
                    return str(error)
                # A limit of jobs counts each task of an array.
                size //= 2
                if isinstance(error, TooManyTogether):
                    scheduler.most_at_once = size
    return ""


def submit_whole(scheduler: Scheduler, runs: Sequence[Run]) -> bool:
    """Submit all runs of a detached campaign at once, although more than may be in flight; return whether it was done.

    It is done only for alike runs, and with a scheduler that itself starts no more of them at a time than allowed.
    """
    alike = len({scheduler.alike(run) for run in runs}) == 1
    if not scheduler.holds_back or not alike or not 1 < len(runs) <= scheduler.most_at_once:
        return False
    try:
        submit(scheduler, runs)
    except SchedulerBusy:
        return False
    return True


def recover(scheduler: Scheduler, runs: Sequence[Run]) -> None:
    """Find the jobs of attempts whose orchestrator died, or whose submission was not answered.

    The job's own files are decisive. Without them the scheduler is asked for a job with the attempt's comment. An
    attempt without any trace after some seconds is taken back and submitted again.
    """
    for run in runs:
        claimed = claimant(run)
        if claimed is not None and claimed != run[1].job_id:
            settle_submission(run, claimed)
    lost = [run for run in runs if is_unsettled(run)]
    found = scheduler.find(lost) if lost else {}
    if found is None:
        return
    for run in lost:
        _, manifest = run
        if manifest.spec.run in found:
            settle_submission(run, found[manifest.spec.run])
        elif unanswered_s(run) > UNSURE_SECONDS:
            take_back(run)


def unanswered_s(run: Run) -> float:
    """Return the seconds since a submission was asked for: by its stamp where this host wrote it, else since this
    process first saw it without an answer.
    """
    directory, manifest = run
    here = socket.gethostname()
    if (manifest.asked_on or manifest.provenance.get("host", here)) == here:
        return now() - (manifest.asked or manifest.created)
    moment = time.monotonic()
    return moment - UNANSWERED.setdefault(directory.attempt(manifest.attempts).path, moment)


def is_unsettled(run: Run) -> bool:
    """Whether an attempt was begun and its job is not known."""
    directory, manifest = run
    if manifest.attempts == 0 or manifest.job_id is not None:
        return False
    return not directory.attempt(manifest.attempts).failure.exists()


def claimant(run: Run) -> str | None:
    """Return the job that has claimed the newest attempt, or None."""
    directory, manifest = run
    if manifest.attempts == 0:
        return None
    claim = read_record_if_whole(directory.attempt(manifest.attempts).claim, Claim)
    return None if claim is None else claim["job"]
