"""The attempts of a run, from what each left behind: how each ended, and what time was lost between and within them."""

from __future__ import annotations

from typing import Any

from orchestrator.analysis.throughput import throughput_of
from orchestrator.campaign.telemetry_file import read
from orchestrator.records import AttemptDirectory, RunDirectory, read_json_if_whole


def history(directory: RunDirectory) -> list[dict[str, Any]]:
    """One entry an attempt that a job began, in order.

    ``first_step`` and ``steps`` are what its telemetry holds, ``throughput`` (samples/s) is of these steps; what was
    trained after the last checkpoint is in none. ``waited_s``: from the last sign of the attempt before to the start of
    this one's ranks, in the queue for most of it. ``redone_s``: training time of earlier attempts that it had to spend
    again, to within a second.
    """
    entries: list[dict[str, Any]] = []
    redone, last_sign = 0.0, None
    for attempt in directory.attempts():
        if not attempt.claim.exists():
            continue
        beat = read_json_if_whole(attempt.heartbeat) or {}
        ending = read_json_if_whole(attempt.failure) or {}
        started = beat.get("started")
        entries.append(
            {
                "attempt": attempt.number,
                "job": (read_json_if_whole(attempt.claim) or {}).get("job"),
                "state": ending.get("state") or ("completed" if attempt.result.exists() else None),
                "cause": ending.get("cause"),
                "started": started,
                "waited_s": max(0.0, started - last_sign) if started and last_sign else 0.0,
                "redone_s": max(0.0, float(beat.get("redone_s", 0.0)) - redone),
                "elapsed_s": beat.get("elapsed_s"),
                **measured(attempt),
            }
        )
        redone = max(redone, float(beat.get("redone_s", 0.0)))
        last_sign = beat.get("time", last_sign)
    return entries


def measured(attempt: AttemptDirectory) -> dict[str, Any]:
    """What the attempt's telemetry says of its steps; nothing where there is none."""
    import h5py

    try:
        with h5py.File(attempt.telemetry, "r") as file:
            steps, first = int(file["step/total"].shape[1]), int(file.attrs.get("first_step", 0))
        rate = throughput_of(read(attempt.telemetry).sums).run if steps else None
    except (OSError, KeyError, ValueError):
        return {"first_step": None, "steps": None, "throughput": None}
    return {"first_step": first, "steps": steps, "throughput": rate}


def lost(entries: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds that a run took longer because it had more than one attempt: ``redone`` and ``waited``, as above."""
    return {name: sum(entry[f"{name}_s"] for entry in entries) for name in ("redone", "waited")}
