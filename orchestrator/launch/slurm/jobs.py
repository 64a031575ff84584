"""The states of jobs: the queue first, then accounting for jobs that have left the queue or ended. One command for all
jobs as long as none does.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from orchestrator.launch.base import JobState
from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.launch.slurm.identity import JobId, by_cluster, expand_tasks
from orchestrator.launch.slurm.nodes import failed_among
from orchestrator.launch.slurm.states import NO_LAUNCH, parse_job_state
from orchestrator.records import FINAL_STATES

CLOCK_SLACK_SECONDS = 7500
"""How far a login node's clock may be ahead of the scheduler's."""


@dataclass(frozen=True)
class Job:
    """What identifies a job across restarts: its comment and name, and the time of its request."""

    tag: str
    label: str
    asked: float


@dataclass(frozen=True)
class Line:
    """One job in the output of a command of Slurm."""

    job: str
    state: JobState
    tag: str
    label: str

    def is_of(self, job: Job) -> bool:
        """Whether the line is about that job, rather than about another one that got the same id.

        If a site's accounting keeps no comments, or a site's plugin writes its own into them, the name decides.
        """
        # Versions up to 0.2 wrote the number of an array's other tasks once more for each of them.
        return self.tag == job.tag or job.tag.startswith(f"{self.tag}+") if self.tag else self.label == job.label


TAG = "orchestrator:"
"""How the tags of our jobs begin (see Scheduler.mark)."""

Wanted = Mapping[str, Job]
"""Jobs by their ids."""

MOST_NAMED = 100
"""Most job numbers that the queue is asked for by name. Squeue compares every job with every number, and a command line
has an end: of more, all jobs of the user are listed."""

SACCT = ["sacct", "--allocations", "--parsable2", "--noheader", "--delimiter=\x1f"]
SACCT_FIELDS = "JobID,State,Reason,Comment,JobName,ExitCode"
SQUEUE = ["squeue", "--noheader", "--states=all", "--Format"]
WHOLE_ARRAYS = {"SLURM_BITSTR_LEN": "0"}
"""Has squeue write all tasks of an array that wait into one line, however many; usually it cuts the list short."""
SQUEUE_FIELDS = "JobArrayID:\x1f,State:\x1f,Reason:\x1f,Comment:\x1f,Name:\x1f"


def query_states(wanted: Wanted) -> dict[str, JobState] | None:
    """Return the states of the jobs that Slurm knows; None if neither accounting nor the queue answered.

    Accounting is asked for jobs that the queue does not know, any more or yet, and for those that ended: it alone knows
    how, and longer than some minutes.
    """
    answers = [
        query_states_of(cluster, {job: wanted[job] for job in jobs}) for cluster, jobs in by_cluster(wanted).items()
    ]
    known = [answer for answer in answers if answer is not None]
    return None if answers and not known else {job: state for answer in known for job, state in answer.items()}


def query_states_of(cluster: str | None, wanted: Wanted) -> dict[str, JobState] | None:
    """Return the same of the jobs of one cluster."""
    queued = query_squeue(cluster, wanted)
    left = {job: identity for job, identity in wanted.items() if queued is None or has_left(queued.get(job))}
    accounted = query_sacct(cluster, left) if left else {}
    if queued is None and accounted is None:
        return None
    found = dict(queued or {})
    for job, state in (accounted or {}).items():
        # What ends is in accounting some seconds later than in the queue.
        if job not in found or state.state in FINAL_STATES:
            # Whether a job is back in the queue after that the queue alone tells.
            unsure = queued is None and state.lost_nodes
            found[job] = JobState("preempted-requeued", state.reason) if unsure else state
    return with_troubled_nodes(cluster, found)


def with_troubled_nodes(cluster: str | None, states: dict[str, JobState]) -> dict[str, JobState]:
    """Return the states, those of jobs that could not be launched with the nodes that Slurm took out of service for it
    (sinfo --list-reasons).
    """
    stuck = [job for job, state in states.items() if state.stuck and NO_LAUNCH in state.reason]
    if not stuck:
        return states
    listed = query_slurm(["sinfo", "--noheader", "--list-reasons", "--format=%N|%E"], cluster=cluster).out
    about = [line for line in listed.splitlines() if re.search("prolog|launch|batch job", line, re.IGNORECASE)]
    nodes = "".join(f"; node {line.replace('|', ': ')}" for line in about)
    return states | {job: replace(states[job], reason=states[job].reason + nodes) for job in stuck}


def has_left(known: JobState | None) -> bool:
    """Whether the queue does not know a job, or knows it as one that has ended."""
    return known is None or known.state in FINAL_STATES


def query_sacct(cluster: str | None, wanted: Wanted) -> dict[str, JobState] | None:
    """Run one sacct over all jobs since the first was requested; return their states, None if it fails."""
    words = [*SACCT, *since_option(wanted), "--jobs", join_ids(wanted), "--format", SACCT_FIELDS]
    answer = query_slurm(words, cluster=cluster).text
    return None if answer is None else parse_states(answer, wanted, cluster)


def query_squeue(cluster: str | None, wanted: Wanted) -> dict[str, JobState] | None:
    """Run one squeue over all jobs; return their states, None if it fails. The queue forgets jobs some minutes after
    their end, and refuses a list of nothing but such, which is an answer.
    """
    numbers = list(dict.fromkeys(JobId.parse(job).number for job in wanted))
    named = len(numbers) <= MOST_NAMED
    which = ["--jobs", ",".join(numbers)] if named else ["--me"]
    answer = query_slurm([*SQUEUE, SQUEUE_FIELDS, *which], cluster=cluster, variables=WHOLE_ARRAYS)
    if named and answer.knows_no_job:
        return {}
    return parse_states(answer.out, wanted, cluster) if answer.ok else None


def find_by_comment(jobs: Mapping[str, Job], cluster: str | None = None) -> dict[str, list[str]] | None:
    """Return the ids of this user's jobs on a cluster by their comments, for comments given by any key; None if the
    queue did not answer.

    Pending and running jobs are in the queue, ended ones in accounting.
    """
    labels = ",".join(sorted({job.label for job in jobs.values()}))
    queue = query_slurm(
        [*SQUEUE, SQUEUE_FIELDS, "--me", "--name", labels], cluster=cluster, variables=WHOLE_ARRAYS
    ).text
    if queue is None:
        return None
    # Operators of a machine are told of everybody's jobs unless they say whose.
    mine = f"--user={os.getuid()}"
    words = [*SACCT, *since_option(jobs), mine, "--name", labels, "--format", SACCT_FIELDS]
    ended = query_slurm(words, cluster=cluster).text or ""
    tags = {job.tag for job in jobs.values()}
    found: dict[str, list[str]] = {}
    for line in [*parse_lines(queue, cluster), *parse_lines(ended, cluster)]:
        if line.tag in tags and line.job not in found.setdefault(line.tag, []):
            found[line.tag].append(line.job)
    return found


def failed_nodes(job: str) -> list[str]:
    """Return those of an ended job's nodes that Slurm counts as failed."""
    own = JobId.parse(job)
    listed = query_slurm([*SACCT, "--jobs", own.name, "--format", "NodeList"], cluster=own.cluster).text or ""
    nodes = next((line for line in listed.splitlines() if line), "")
    return failed_among(nodes, ("down", "fail", "drain"), cluster=own.cluster)


def since_option(jobs: Mapping[str, Job]) -> list[str]:
    """Return sacct's option for a time before the first of the jobs was requested. Without it sacct covers
    today only.
    """
    first = min(job.asked for job in jobs.values()) - CLOCK_SLACK_SECONDS
    return ["--starttime", time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(first))]


def join_ids(wanted: Wanted) -> str:
    """Return the job ids for a command line; of the tasks of an array, the array's number once."""
    return ",".join(dict.fromkeys(JobId.parse(job).number for job in wanted))


def parse_states(text: str, wanted: Wanted, cluster: str | None = None) -> dict[str, JobState]:
    """Return the states of wanted jobs in a cluster's lines of job id, state, reason, comment and name. Some fields may
    be empty.
    """
    return {line.job: line.state for line in parse_lines(text, cluster, wanted) if line.is_of(wanted[line.job])}


def parse_lines(text: str, cluster: str | None = None, wanted: Wanted | None = None) -> Iterator[Line]:
    """Yield the jobs of a cluster's answer. Pending tasks of an array that share a line get one each; only ``wanted``
    ones, if given.
    """
    place = "" if cluster is None else f"@{cluster}"
    names = wanted if wanted is None or not place else {JobId.parse(job).name for job in wanted}
    for row in text.splitlines():
        fields = [field.strip() for field in row.split("\x1f")]
        if len(fields) < 5:
            continue
        job, word, reason, tag, label = ("" if field == "(null)" else field for field in fields[:5])
        exit_code, tag = fields[5] if len(fields) > 5 else "", tag_in(tag)
        said: JobState | None = None
        for name in expand_tasks(job, names):
            each = name + place if name.replace("_", "").isdigit() else str(replace(JobId.parse(name), cluster=cluster))
            if wanted is not None and each not in wanted:
                continue
            if said is None or said.stuck:
                # How to help a job that is stuck names it; all else is the same of all tasks.
                said = parse_job_state(name, word, reason, exit_code)
            yield Line(each, said, tag, label)


def tag_in(comment: str) -> str:
    """Return our tag from a job's comment, without a person's own comment after it; "" if there is none of ours."""
    first = comment.partition(" ")[0]
    return first if first.startswith(TAG) else ""
