"""The start and end of an attempt: its claim, the errors of ranks, and the causes of stops and failures."""

from __future__ import annotations

from typing import Final, Literal, TypedDict, TypeGuard, get_args

from orchestrator.records.checking import Amount, Count, Moment, Positive
from orchestrator.records.signs import host_name, now

FAILURE_SCHEMA: Final = "orchestrator.failure/1"
STOP_SCHEMA: Final = "orchestrator.stop/1"
CLAIM_SCHEMA: Final = "orchestrator.claim/1"

EndState = Literal["failed", "timeout", "preempted-requeued", "node-failed", "cancelled", "lost"]
"""How an attempt without a result can end."""
State = Literal["planned", "submitted", "pending", "running", "completed", EndState]
STATES: tuple[str, ...] = get_args(State)
FINAL_STATES = frozenset({"completed", *get_args(EndState)} - {"preempted-requeued"})

DIVERGED: Final = "the model diverged"
"""Part of the cause of a run whose model did: it ended with a wrong answer."""

Requeuer = Literal["slurm", "scheduler", "orchestrator"]
"""Who starts the next attempt. Version 0.1 called its scheduler by name."""


class Claim(TypedDict):
    """The job that has an attempt, and the process that began it; ``started`` in seconds since the epoch."""

    schema: Literal["orchestrator.claim/1"]
    job: str
    host: str
    pid: Positive
    started: Moment


class Ended(TypedDict):
    """All ranks have ended well, and the result stands."""

    schema: Literal["orchestrator.claim/1"]
    job: str
    ended: Moment


class FailureFacts(TypedDict):
    """How an attempt ended that has no result: ``cause`` in one line, ``host`` of whoever wrote it down."""

    schema: Literal["orchestrator.failure/1"]
    state: EndState
    cause: str
    host: str
    ended: Moment


class Failure(FailureFacts, total=False):
    """A failure record. ``requeue`` names who starts the next attempt; absent if nobody does."""

    requeue: Requeuer


class StopRequest(TypedDict):
    """Asks the ranks to checkpoint and stop at their next step."""

    schema: Literal["orchestrator.stop/1"]
    reason: str
    time: Moment


class Stopped(TypedDict):
    """The ranks did, after ``total_steps`` and ``elapsed_s`` of training in all attempts."""

    schema: Literal["orchestrator.stop/1"]
    total_steps: Count
    elapsed_s: Amount
    ended: Moment


class RankErrorFacts(TypedDict):
    """The exception that a rank died of. ``communication``: it is what a rank sees when another one is gone."""

    rank: Count
    host: str
    time: Moment
    kind: str
    message: str
    communication: bool


class RankError(RankErrorFacts, total=False):
    """An error of a rank. ``trace`` tells where in the program it was raised, ``step`` after how many steps."""

    trace: str
    step: Count


class Process(TypedDict):
    """The process of a job that the local scheduler started: its id, and when the system says that it began."""

    pid: Positive
    started: Amount | None


def is_end_state(state: str) -> TypeGuard[EndState]:
    """Whether an attempt in that state has ended without a result."""
    return state in get_args(EndState)


def failure_record(state: EndState, cause: str, requeue: Requeuer | None = None) -> Failure:
    """The record of an attempt that ends now, without a result."""
    failure: Failure = {
        "schema": FAILURE_SCHEMA,
        "state": state,
        "cause": cause,
        "host": host_name(),
        "ended": now(),
    }
    if requeue is not None:
        failure["requeue"] = requeue
    return failure
