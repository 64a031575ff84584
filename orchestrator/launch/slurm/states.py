"""What Slurm's words for the standing of a job mean: states, flags beside them, reasons, exit codes.

By Slurm's own pages (job_state_codes, job_reason_codes, squeue(1), sacct(1)). Every reader of a job's state asks here.
The states of nodes are in nodes.py.
"""

from __future__ import annotations

import pwd
import re
import signal
from dataclasses import dataclass

from orchestrator.launch.base import JobState
from orchestrator.records import EndState


@dataclass(frozen=True)
class Meaning:
    """What one of Slurm's words means: our ``state``, and the state that a running job ends in if it is ended so."""

    state: str
    ending: EndState | None = None


WAITS, RUNS, BACK = Meaning("pending"), Meaning("running"), Meaning("preempted-requeued", "preempted-requeued")
BASE = {
    "PENDING": Meaning("pending", "preempted-requeued"),
    "RUNNING": RUNS,
    "SUSPENDED": RUNS,
    "COMPLETED": Meaning("completed"),
    "CANCELLED": Meaning("cancelled", "cancelled"),
    "FAILED": Meaning("failed"),
    "TIMEOUT": Meaning("timeout", "timeout"),
    "DEADLINE": Meaning("timeout", "timeout"),
    "NODE_FAIL": Meaning("node-failed", "node-failed"),
    "BOOT_FAIL": Meaning("node-failed", "node-failed"),
    "OUT_OF_MEMORY": Meaning("failed", "failed"),
    # Of a job that is being ended; one that Slurm has put back into the queue is called PENDING or REQUEUED.
    "PREEMPTED": Meaning("failed", "preempted-requeued"),
}
"""Slurm's base states."""
FLAGS = {
    "CONFIGURING": WAITS,
    "POWER_UP_NODE": WAITS,
    "LAUNCH_FAILED": WAITS,
    "RECONFIG_FAIL": WAITS,
    "RESV_DEL_HOLD": WAITS,
    "REQUEUED": BACK,
    "REQUEUE_FED": BACK,
    "REQUEUE_HOLD": BACK,
    "SPECIAL_EXIT": BACK,
    "EXPEDITING": BACK,
    "REVOKED": Meaning("cancelled", "cancelled"),
    "COMPLETING": RUNS,
    "RESIZING": RUNS,
    "SIGNALING": RUNS,
    "STAGE_OUT": RUNS,
    "STOPPED": RUNS,
    "UPDATE_DB": RUNS,
}
"""Flags, which Slurm's commands show instead of a base state or beside it."""
MEANINGS = {**BASE, **FLAGS}
UNKNOWN = RUNS
"""What a word of a later release counts as: it ends nothing."""
STANDING_STILL = frozenset({"SUSPENDED", "STOPPED"})

HELD = {
    "REQUEUE_HOLD": "it is held since it was put back into the queue",
    "SPECIAL_EXIT": "it is held in a special exit state",
    "RESV_DEL_HOLD": "its reservation was deleted",
}
"""States in which a job stays until somebody releases it."""

NO_LAUNCH = "Slurm could not launch it"
RELEASE = "`scontrol release {job}` lets it go on"
STUCK: tuple[tuple[str, str, str], ...] = (
    (r"launch failed requeued held|JobLaunchFailure", f"{NO_LAUNCH}, mostly for a node's prolog, and holds it",
     "see the node to its operators, then " + RELEASE),
    (r"user env retrieval failed requeued held", "Slurm could not get the user's environment, and holds it", RELEASE),
    (r"job requeued in held state", "it was put back into the queue and is held", RELEASE),
    (r"JobHoldMaxRequeue", "it was started again too often and is held", RELEASE),
    (r"JobHeldUser", "it is held by its user or a coordinator", RELEASE),
    (r"JobHeldAdmin", "it is held by an administrator", "ask the machine's operators"),
    (r"BadConstraints", "no node can ever do what it asks for",
     "correct cluster.slurm (constraint, gres, memory_gb) or cluster.ranks_per_node"),
    (r"PartitionTimeLimit", "its time limit is beyond the partition's",
     "set cluster.limits.time_min or cluster.slurm.partition"),
    (r"DependencyNeverSatisfied", "what it depends on has failed", "submit it anew without that dependency"),
    (r"InvalidAccount|AccountNotAllowed", "its account may not run there", "set cluster.slurm.account"),
    (r"InvalidQOS|QOSNotAllowed", "its QOS may not run there", "set cluster.slurm.qos"),
    (r"ReservationDeleted|ReservationInvalid", "its reservation is gone", "set cluster.slurm.reservation"),
    (r"BurstBufferOperation", "its burst buffer failed", "correct the job's burst buffer, then " + RELEASE),
    (r"(?:Assoc|QOS)Max\w+Per(?:Job|Node)(?:Limit)?|QOSMin\w+|MaxMemPerLimit",
     "it asks for more, or less, than a job of this account or QOS may have",
     "ask for what is allowed: nodes, cluster.limits.time_min, cluster.slurm"),
)  # fmt: skip
"""Reasons of a wait that never end by themselves: what is wrong, and what to do. All others, such as Priority,
Resources, ReqNodeNotAvail or a limit that counts other jobs too, may.
"""


def parse_words(text: str) -> list[str]:
    """Return Slurm's words in "CANCELLED by 1000", "CANCELLED+", "CANCELLED,COMPLETING" and similar texts."""
    first = text.split(maxsplit=1)[:1]
    return [word for word in re.split(r"[+,|]", first[0].upper()) if word] if first else []


def decisive_word(text: str) -> str:
    """Return the word that says how a job is: an end outweighs the cleaning up after it, and any other flag the base
    state that it stands beside; "" without any.
    """
    words = parse_words(text)
    flags = [word for word in words if word in FLAGS and word not in ("COMPLETING", "UPDATE_DB", "SIGNALING")]
    return (flags or [word for word in words if word in BASE] or words or [""])[0]


def meaning_of(text: str) -> Meaning:
    """Return what a text for a job's state means."""
    return MEANINGS.get(decisive_word(text), UNKNOWN)


def parse_job_state(job: str, text: str, reason: str = "", exit_code: str = "") -> JobState:
    """Return a job's state from Slurm's words, with a reason in our words, or in Slurm's own where they say it.

    ``text`` and ``reason`` are as sacct or squeue write them; ``exit_code`` as sacct does, "CODE:SIGNAL".
    """
    word, reason = decisive_word(text), clean_reason(reason)
    state = MEANINGS.get(word, UNKNOWN).state
    if state in ("pending", "preempted-requeued"):
        return waiting(job, word, state, reason)
    if state == "running":
        still = word in STANDING_STILL
        if still:
            return JobState(state, "suspended by Slurm: gang scheduling or an operator", suspended=True)
        return JobState(state, "" if word in MEANINGS or not word else f"in a state that Slurm calls {word}")
    return JobState(state, how_it_ended(word, text, reason, exit_code), preempted=word == "PREEMPTED")


def waiting(job: str, word: str, state: str, reason: str) -> JobState:
    """Return the state of a job that waits: for its turn, or for ever."""
    wrong, remedy = HELD.get(word, ""), RELEASE
    for pattern, what, how in STUCK:
        if re.fullmatch(pattern, reason.partition(",")[0]):
            wrong, remedy = what, how
    if not wrong:
        return JobState(state, reason)
    shown = f"{wrong} ({reason or word})"
    return JobState(state, f"{shown}, which does not end by itself: {remedy.format(job=job)}", stuck=True)


def clean_reason(text: str) -> str:
    """Return a reason without brackets and underscores between its words; "" for none."""
    text = text.strip().strip("()").strip()
    return "" if text in ("None", "null", "N/A") else text.replace("_", " ")


ENDS = {
    "OUT_OF_MEMORY": "ran out of memory",
    "TIMEOUT": "reached its time limit",
    "DEADLINE": "could not begin before its deadline",
    "NODE_FAIL": "lost a node",
    "PREEMPTED": "was preempted",
    "BOOT_FAIL": "was given a node that did not boot",
    "REVOKED": "was revoked for its sibling on another cluster",
}


def how_it_ended(word: str, text: str = "", reason: str = "", exit_code: str = "") -> str:
    """Return how a job ended, as what follows "job 17": "was cancelled by ada"; "" if Slurm does not tell."""
    if word == "CANCELLED":
        by = re.search(r"\bby (\d+)", text)
        return f"was cancelled by {user_named(int(by[1]))}" if by else "was cancelled"
    if word != "FAILED":
        return ENDS.get(word, "")
    raised = re.fullmatch(r"\d+:(\d+)", exit_code) or re.match(r"RaisedSignal:(\d+)", reason)
    if raised and int(raised[1]):
        return f"was ended by {signal_named(int(raised[1]))}"
    if raised and exit_code:
        return f"ended with exit code {exit_code.partition(':')[0]}"
    return f"failed: {reason}" if reason else ""


def user_named(number: int) -> str:
    """Return a user's name, or "user NUMBER" for one that this machine does not know."""
    try:
        return pwd.getpwuid(number).pw_name
    except (KeyError, OverflowError):
        return f"user {number}"


def signal_named(number: int) -> str:
    """Return "signal 9 (SIGKILL)"."""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
