"""What a job asks of the scheduler that runs it, from within: why it is being ended, and to be started again."""

from __future__ import annotations

import os
import re
import subprocess

from orchestrator.records import EndState

QUERY_SECONDS = 2.0
"""The job may be about to be killed: an answer that takes longer comes too late."""
REQUEUE_SECONDS = 20.0

ENDINGS: dict[str, EndState] = {
    "CANCELLED": "cancelled",
    "TIMEOUT": "timeout",
    "DEADLINE": "timeout",
    "NODE_FAIL": "node-failed",
    "BOOT_FAIL": "node-failed",
    "OUT_OF_MEMORY": "failed",
    "PREEMPTED": "preempted-requeued",
    "REQUEUED": "preempted-requeued",
    "REQUEUE_HOLD": "preempted-requeued",
    "PENDING": "preempted-requeued",
}
"""What it means for a running job that Slurm ends it while its state is this one."""


def job_id() -> str | None:
    """This process's Slurm job, or None if it is in none."""
    return os.environ.get("SLURM_JOB_ID") or None


def description(job: str) -> dict[str, str]:
    """What Slurm says of the job, by its own names (JobState, PreemptTime, …); empty if it does not answer."""
    answer = run(["scontrol", "--oneliner", "show", "job", job], QUERY_SECONDS)
    if answer is None or answer.returncode != 0:
        return {}
    return dict(re.findall(r"(\w+)=(\S*)", answer.stdout.splitlines()[0])) if answer.stdout else {}


def state(job: str) -> str:
    """The job's state in Slurm's word, empty if Slurm does not answer.

    Of a job that is being ended scontrol says COMPLETING and no more: what it ends as, accounting may know.
    """
    word = description(job).get("JobState", "")
    if word != "COMPLETING":
        return word
    answer = run(
        ["sacct", "--allocations", "--noheader", "--parsable2", f"--jobs={job}", "--format=State"], QUERY_SECONDS
    )
    words = answer.stdout.split() if answer is not None and answer.returncode == 0 else []
    return words[0] if words and words[0] != "RUNNING" else word


def is_preempted(job: str) -> bool:
    """Whether Slurm is about to give the job's nodes to another."""
    return description(job).get("PreemptTime", "None") not in ("None", "N/A", "")


def down_nodes(job: str) -> str:
    """Names of the job's nodes that Slurm counts as down, as it writes lists of them; empty if there are none."""
    # Slurm has forgotten the nodes of a job that it puts back into the queue.
    nodes = os.environ.get("SLURM_JOB_NODELIST") or description(job).get("NodeList", "")
    command = ["sinfo", "--noheader", "--states=down,fail", f"--nodes={nodes}", "--format=%N"]
    answer = run(command, QUERY_SECONDS)
    return "" if answer is None else ",".join(dict.fromkeys(answer.stdout.split()))


def requeue(job: str) -> str | None:
    """Have Slurm end this job and start it again later; None if it will, else what Slurm says against it."""
    answer = run(["scontrol", "requeue", job], REQUEUE_SECONDS)
    if answer is None:
        return "scontrol did not answer"
    return None if answer.returncode == 0 else " ".join(answer.stderr.split()) or "scontrol refused"


def run(command: list[str], seconds: float) -> subprocess.CompletedProcess[str] | None:
    """The command's answer, or None if there is none in that time."""
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=seconds)
    except (OSError, subprocess.TimeoutExpired):
        return None
