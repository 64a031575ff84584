"""What Slurm says of jobs: accounting first, the queue for what accounting does not know. One command for all jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.launch.base import JobState
from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.launch.slurm.identity import JobId, expand_tasks
from orchestrator.launch.slurm.nodes import failed_among

STATES = {
    "PENDING": "pending",
    "REQUEUED": "preempted-requeued",
    "REQUEUE_FED": "preempted-requeued",
    "REQUEUE_HOLD": "preempted-requeued",
    "PREEMPTED": "preempted-requeued",
    "CONFIGURING": "pending",
    "RUNNING": "running",
    "COMPLETING": "running",
    "SUSPENDED": "running",
    "RESIZING": "running",
    "SIGNALING": "running",
    "STAGE_OUT": "running",
    "STOPPED": "running",
    "COMPLETED": "completed",
    "FAILED": "failed",
    "OUT_OF_MEMORY": "failed",
    "BOOT_FAIL": "node-failed",
    "NODE_FAIL": "node-failed",
    "TIMEOUT": "timeout",
    "DEADLINE": "timeout",
    "CANCELLED": "cancelled",
    "REVOKED": "cancelled",
}
"""Slurm's job states (sacct(1), squeue(1)) in ours. A state that is not here counts as running: it ends nothing."""

CLOCK_SLACK_SECONDS = 7500
"""A login node's clock may be ahead of the scheduler's by some minutes. And Slurm takes local times, of which the night
when clocks go back has some twice: it may understand the later one, an hour after the one that was meant. To ask from
too early costs nothing, as jobs are asked for by their ids.
"""


@dataclass(frozen=True)
class Job:
    """By what a job is known again: the comment and the name that it carries, and when it was asked for."""

    tag: str
    label: str
    asked: float


@dataclass(frozen=True)
class Line:
    """One job as a command of Slurm's printed it."""

    job: str
    state: JobState
    tag: str
    label: str

    def is_of(self, job: Job) -> bool:
        """Whether it speaks of that job, rather than of one that has got its id again.

        Where a site's accounting keeps no comments the name must do.
        """
        return self.tag == job.tag if self.tag else self.label == job.label


Wanted = Mapping[str, Job]
"""By job id."""

SACCT = ["sacct", "--allocations", "--parsable2", "--noheader", "--delimiter=\x1f"]
SACCT_FIELDS = "JobID,State,Reason,Comment,JobName"
SQUEUE = ["squeue", "--noheader", "--array", "--states=all", "--Format"]
SQUEUE_FIELDS = "JobArrayID:\x1f,State:\x1f,Reason:\x1f,Comment:\x1f,Name:\x1f"


def query(wanted: Wanted) -> dict[str, JobState] | None:
    """States of the jobs that Slurm knows; None if neither accounting nor the queue answered.

    The queue is asked for those that accounting does not know, or not yet.
    """
    if not wanted:
        return {}
    found = ask_accounting(wanted)
    missing = {job: identity for job, identity in wanted.items() if found is None or job not in found}
    if not missing:
        return found
    queued = ask_queue(missing)
    if found is None:
        return queued
    return found if queued is None else found | queued


def ask_accounting(wanted: Wanted) -> dict[str, JobState] | None:
    """One sacct over all jobs since the first was asked for; None if it fails."""
    answer = query_slurm([*SACCT, *since(wanted), "--jobs", joined(wanted), "--format", SACCT_FIELDS]).text
    return None if answer is None else parse(answer, wanted)


def ask_queue(wanted: Wanted) -> dict[str, JobState] | None:
    """One squeue over all jobs; it forgets a job some minutes after its end. None if it fails."""
    answer = query_slurm([*SQUEUE, SQUEUE_FIELDS, "--jobs", joined(wanted)]).text
    if answer is None and len(wanted) > 0 and query_slurm(["scontrol", "ping"]).text is not None:
        # It refuses a list of nothing but jobs that it has forgotten: then it knows none of them.
        return {}
    return None if answer is None else parse(answer, wanted)


def search(jobs: Mapping[str, Job]) -> dict[str, list[str]] | None:
    """Ids of jobs by the comment that they carry, for comments given by any key; None if the queue did not answer.

    Pending and running ones are in the queue, ended ones in accounting.
    """
    labels = ",".join(sorted({job.label for job in jobs.values()}))
    queue = query_slurm([*SQUEUE, SQUEUE_FIELDS, "--name", labels]).text
    if queue is None:
        return None
    ended = query_slurm([*SACCT, *since(jobs), "--name", labels, "--format", SACCT_FIELDS]).text or ""
    tags = {job.tag for job in jobs.values()}
    found: dict[str, list[str]] = {}
    for line in [*lines(queue), *lines(ended)]:
        if line.tag in tags and line.job not in found.setdefault(line.tag, []):
            found[line.tag].append(line.job)
    return found


def failed_nodes(job: str) -> list[str]:
    """Those of a job's nodes that Slurm counts as failed, when the job has ended by one."""
    listed = query_slurm([*SACCT, "--jobs", job, "--format", "NodeList"]).text or ""
    return failed_among(next((line for line in listed.splitlines() if line), ""), ("down", "fail", "drain"))


def job_state_word(text: str) -> str:
    """The state alone, of "CANCELLED by 1000", "CANCELLED+" and the like."""
    words = text.split()
    return words[0].rstrip("+") if words else ""


def since(jobs: Mapping[str, Job]) -> list[str]:
    """sacct's option for a time before the first of the jobs was asked for; without one it looks at today alone."""
    first = min(job.asked for job in jobs.values()) - CLOCK_SLACK_SECONDS
    return ["--starttime", time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(first))]


def joined(wanted: Wanted) -> str:
    """Job ids for a command line; of an array's tasks their array, once."""
    return ",".join(dict.fromkeys(JobId.parse(job).number for job in wanted))


def parse(text: str, wanted: Wanted) -> dict[str, JobState]:
    """States of wanted jobs in lines of job id, state, reason, comment and name, where some fields may be empty."""
    return {
        line.job: line.state for line in lines(text, set(wanted)) if line.job in wanted and line.is_of(wanted[line.job])
    }


def lines(text: str, wanted: set[str] | None = None) -> Iterator[Line]:
    """The jobs of an answer. Tasks of an array that share a line, as pending ones do, get one each; of ``wanted`` ones
    alone if these are given.
    """
    for row in text.splitlines():
        fields = [field.strip() for field in row.split("\x1f")]
        if len(fields) < 5:
            continue
        job, word, reason, tag, label = ("" if field == "(null)" else field for field in fields[:5])
        state = STATES.get(job_state_word(word), "running")
        said = JobState(state, "" if reason == "None" else reason)
        for each in expand_tasks(job, wanted):
            yield Line(each, said, tag, label)
