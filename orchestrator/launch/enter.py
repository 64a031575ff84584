"""The program of a job: ``python -m orchestrator.launch.enter RUN_DIRECTORY ATTEMPT``, or for an array ``… --batch
FILE``.

A job is given paths alone, so it finds all that it needs even if the orchestrator dies right after the submission. The
first job that claims an attempt runs it. If an attempt was ever submitted twice, the second job ends here.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from orchestrator.launch.base import OwnJob
from orchestrator.launch.schedulers import own_job
from orchestrator.launch.supervisor import supervise
from orchestrator.records import (
    CLAIM_SCHEMA,
    AttemptDirectory,
    Claim,
    Ended,
    RecordError,
    RunDirectory,
    RunList,
    failure_record,
    host_name,
    now,
    publish_json,
    read_record,
    write_json,
)

CLAIM_SECONDS = 10.0


def claim_attempt(attempt: AttemptDirectory, job: str) -> str:
    """Claim the attempt for this job; return the job that has it, which may be another one."""
    attempt.make()
    mine: Claim = {"schema": CLAIM_SCHEMA, "job": job, "host": host_name(), "pid": os.getpid(), "started": now()}
    publish_json(attempt.claim, mine)
    return read_claim(attempt.claim)["job"]


def read_claim(path: Path) -> Claim:
    """Return the claim in a file. Without hard links another job may still be writing it, so it is waited for."""
    deadline = time.monotonic() + CLAIM_SECONDS
    while True:
        try:
            return read_record(path, Claim)
        except RecordError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def refuse_foreign(path: Path, found: os.stat_result | None = None) -> None:
    """Raise RecordError unless the folder is ours and nobody else may write to it, since its content is executed.

    ``found`` is what the system says of it, where that is known already.
    """
    found = found or path.stat()
    if found.st_uid != os.geteuid():
        raise RecordError(f"{path} belongs to user {found.st_uid}: only its owner may use it, not user {os.geteuid()}")
    if found.st_mode & 0o022:
        raise RecordError(f"{path} may be written by others (mode {found.st_mode & 0o777:o}): chmod go-w {path}")


def restarts_of(directory: RunDirectory, number: int, own: OwnJob) -> int:
    """Return how many attempts from ``number`` on a job has begun already that is started again, which makes a new one:
    no more than it was restarted, and none that ended before this program, as by a node's prolog.
    """
    begun = 0
    while begun < own.restarts and directory.attempt(number + begun).claim.exists():
        begun += 1
    return begun


def explain_earlier(directory: RunDirectory, newest: AttemptDirectory, own: OwnJob) -> None:
    """Write down why earlier attempts ended, where their own processes were killed before they could."""
    for attempt in directory.attempts():
        ended = attempt.failure.exists() or attempt.completed
        if attempt.number < newest.number and attempt.claim.exists() and not ended:
            publish_json(attempt.failure, failure_record("preempted-requeued", own.why_restarted(), "scheduler"))


def main(arguments: list[str] | None = None) -> int:
    """Run the attempt of this job; return 0 if it completed or belongs to another job."""
    parser = argparse.ArgumentParser(prog="orchestrator.launch.enter", description=__doc__)
    parser.add_argument("directory", nargs="?")
    parser.add_argument("attempt", nargs="?", type=int)
    parser.add_argument("--batch", type=Path)
    options = parser.parse_args(arguments)
    os.umask(0o077)
    path, number = options.directory, options.attempt
    own = own_job()
    job = own.id
    if options.batch is not None:
        refuse_foreign(options.batch.parent)
        task = read_record(options.batch, RunList)["runs"][own.place]
        path, number = str(task[0]), int(task[1])
    directory = RunDirectory(Path(path))
    refuse_foreign(directory.path)
    begun = directory.attempt(number).claim.exists()
    owner = claim_attempt(directory.attempt(number), job)
    if owner != job:
        print(f"attempt {number} of {path} is job {owner}'s: nothing is left to do for job {job}")
        return 0
    newest = directory.attempt(number + (restarts_of(directory, number, own) if begun else 0))
    whole = next(
        (attempt for attempt in directory.attempts() if attempt.number < newest.number and attempt.completed), None
    )
    if whole is not None:
        print(f"{path} has the result of attempt {whole.number}: nothing is left to do for job {job}")
        return 0
    if own.restarts:
        explain_earlier(directory, newest, own)
    if claim_attempt(newest, job) != job:
        print(f"attempt {newest.number} of {path} is another job's: nothing is left to do for job {job}")
        return 0
    if not supervise(str(directory.path), newest.number):
        return 1
    ended: Ended = {"schema": CLAIM_SCHEMA, "job": job, "ended": now()}
    write_json(newest.ended, ended)
    return 0


if __name__ == "__main__":
    sys.exit(main())
