"""What Slurm says of jobs: accounting first, the queue when accounting is away. One command for all jobs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping

from orchestrator.launch.base import JobState

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

QUERY_SECONDS = 30
CLOCK_SLACK_SECONDS = 300
"""A login node's clock may be ahead of the scheduler's by so much."""

Wanted = Mapping[str, tuple[str, float]]
"""By job id: the comment that the job carries, and when it was submitted."""


def query(wanted: Wanted) -> dict[str, JobState]:
    """States of the jobs that Slurm knows. A job whose comment is another's is not ours: its id was used again."""
    if not wanted:
        return {}
    answers = ask_accounting(wanted)
    if answers is None:
        answers = ask_queue(wanted)
    return answers or {}


def ask_accounting(wanted: Wanted) -> dict[str, JobState] | None:
    """One sacct over all jobs since the first was submitted; None if it fails."""
    since = min(submitted for _, submitted in wanted.values()) - CLOCK_SLACK_SECONDS
    answer = run(
        [
            "sacct", "--allocations", "--parsable2", "--noheader", "--delimiter=\x1f",
            "--starttime", time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(since)),
            "--jobs", ",".join(wanted), "--format", "JobIDRaw,State,Reason,Comment",
        ]
    )  # fmt: skip
    return None if answer is None else parse(answer, wanted)


def ask_queue(wanted: Wanted) -> dict[str, JobState] | None:
    """One squeue over all jobs; it forgets a job some minutes after its end. None if it fails."""
    answer = run(
        ["squeue", "--noheader", "--states=all", "--jobs", ",".join(wanted), "--Format",
         "JobID:\x1f,State:\x1f,Reason:\x1f,Comment:\x1f"]
    )  # fmt: skip
    return None if answer is None else parse(answer, wanted)


def run(command: list[str]) -> str | None:
    """What the command prints, or None if it fails."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=QUERY_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None


def parse(text: str, wanted: Wanted) -> dict[str, JobState]:
    """Lines of job id, state, reason and comment, of which the last may be empty where it is not kept."""
    states: dict[str, JobState] = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("\x1f")]
        if len(fields) < 4 or fields[0] not in wanted:
            continue
        job, state, reason, comment = fields[:4]
        if comment and comment not in ("(null)", wanted[job][0]):
            continue
        # "CANCELLED by 1000" and the like.
        word = state.split()[0].rstrip("+") if state else ""
        states[job] = JobState(STATES.get(word, "running"), "" if reason in ("None", "(null)") else reason)
    return states
