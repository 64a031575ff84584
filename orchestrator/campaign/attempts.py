"""The attempts of a run, from the files that each left: how each ended, and the time lost between and within them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from orchestrator.records import AttemptDirectory, Claim, Failure, Heartbeat, Result, RunDirectory, read_record_if_whole


class Steps(TypedDict):
    """The steps in an attempt's telemetry: the first one, their number, and their throughput, samples/s. Nulls without
    telemetry.
    """

    first_step: int | None
    steps: int | None
    throughput: float | None


class AttemptFacts(Steps):
    """One start of a run: its job, its end, and the time that it cost beyond its own training."""

    attempt: int
    job: str | None
    state: str | None
    cause: str | None
    started: float | None
    waited_s: float
    redone_s: float
    elapsed_s: float | None


class Attempt(AttemptFacts, total=False):
    """An attempt, which may have waited ``between_hosts``: its ``waited_s`` is between the clocks of two hosts, and no
    more exact than these agree. Runs that earlier versions collected do not tell.
    """

    between_hosts: bool


class Lost(TypedDict):
    """Seconds that a run took longer because it had several attempts."""

    redone: float
    waited: float


def history(directory: RunDirectory) -> list[Attempt]:
    """Return one entry for each attempt that a job began, in order.

    ``first_step`` and ``steps`` are those of its telemetry, with their ``throughput`` (samples/s). Steps after the last
    checkpoint are not included. ``waited_s``: from the last sign of life of the previous attempt to the start of this
    one's ranks, mostly in the queue; each is stamped by the first host of its attempt. ``redone_s``: training time of
    earlier attempts that it had to repeat, to within a second.
    """
    entries: list[Attempt] = []
    redone = 0.0
    last_sign: float | None = None
    last_host: str | None = None
    for attempt in directory.attempts():
        if not attempt.claim.exists():
            continue
        beat = read_record_if_whole(attempt.heartbeat, Heartbeat)
        failure = read_record_if_whole(attempt.failure, Failure)
        claim = read_record_if_whole(attempt.claim, Claim)
        again = max(0.0, beat["redone_s"] - redone) if beat else 0.0
        entries.append(
            {
                "attempt": attempt.number,
                "job": claim["job"] if claim else None,
                "state": failure["state"] if failure else ("completed" if attempt.result.exists() else None),
                "cause": failure["cause"] if failure else None,
                "started": beat["started"] if beat else None,
                "waited_s": max(0.0, beat["started"] - last_sign) if beat and last_sign else 0.0,
                "between_hosts": bool(beat and last_sign) and (claim is None or claim["host"] != last_host),
                "redone_s": again,
                "elapsed_s": beat["elapsed_s"] if beat else None,
                **measured_steps(attempt),
            }
        )
        redone += again
        if beat:
            last_sign, last_host = beat["time"], claim["host"] if claim else None
        if failure is None and attempt.completed:
            # What was started after the result is none of the run's.
            break
    return entries


def stood_still_seconds(directory: RunDirectory, result: Result) -> float:
    """Return how long a rank stood still while a run was measured, or rank 0 in an earlier attempt, s: time to accuracy
    begins with the first attempt.
    """
    beats = (read_record_if_whole(attempt.heartbeat, Heartbeat) for attempt in directory.attempts())
    return max([result.get("stood_still_s", 0.0), *(beat.get("stood_still_s", 0.0) for beat in beats if beat)])


def measured_steps(attempt: AttemptDirectory) -> Steps:
    """Return the steps in the attempt's telemetry."""
    # Reports know attempts from the store, and need no h5py.
    from orchestrator.telemetry.file import DAMAGE, read_telemetry
    from orchestrator.telemetry.throughput import throughput_of

    try:
        telemetry = read_telemetry(attempt.telemetry)
        rate = throughput_of(telemetry.sums).run if telemetry.sums.steps else None
    except DAMAGE:
        return {"first_step": None, "steps": None, "throughput": None}
    return {"first_step": telemetry.first_step, "steps": telemetry.sums.steps, "throughput": rate}


def lost(entries: Sequence[Attempt]) -> Lost:
    """Return the time that the attempts of a run lost together."""
    return {
        "redone": sum(entry["redone_s"] for entry in entries),
        "waited": sum(entry["waited_s"] for entry in entries),
    }
