"""The first cause of a run's end, in one line, from the files and output of ranks and launcher."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.launch.launchers import LAUNCHERS
from orchestrator.launch.output import last_line
from orchestrator.records import AliveSlot, AttemptDirectory, Manifest, RankError, alive_period, read_record_if_whole


def read_errors(attempt: AttemptDirectory) -> list[RankError]:
    """Return the exceptions that ended ranks, earliest first.

    All ranks do their steps together, so the least step is the earliest. Within a step a host's own errors are put in
    order by its clock, which is compared with no other host's. A message may hold bytes of any encoding, from a file's
    name or a library. It is a cause all the same.
    """
    read = (read_record_if_whole(path, RankError, "replace") for path in attempt.errors.glob("rank-*.json"))
    found = [error for error in read if error is not None]
    first = {error["host"]: error["rank"] for error in sorted(found, key=lambda error: -error["rank"])}
    return sorted(found, key=lambda error: (error.get("step", 0), first[error["host"]], error["time"]))


def first_cause(attempt: AttemptDirectory, manifest: Manifest, exit_code: int) -> str:
    """Return the first cause: a rank's own exception, or else a rank's death as the launcher reports it, or else the
    last line of output.

    Errors of communication are what surviving ranks see when another dies, so they count only without any other cause.
    """
    errors = read_errors(attempt)
    own = [error for error in errors if not error["communication"]]
    if own:
        return describe(own[0])
    launcher = LAUNCHERS[manifest.config["cluster"]["launcher"]]
    stderr = read_tail(attempt.stderr)
    seen = launcher.first_failure(stderr) or launcher.first_failure(read_tail(attempt.stdout))
    if seen:
        return seen
    if errors:
        return describe(errors[0])
    last = last_line(stderr)
    return f"the launcher ended with code {exit_code} and there is no result{f': {last}' if last else ''}"


def describe(error: RankError) -> str:
    """Return a rank's exception in one line."""
    return f"rank {error['rank']} on {error['host']}: {error['kind']}: {error['message']}".replace("\n", " ")


def silent_ranks(slots: Mapping[int, AliveSlot], ages: Mapping[int, float], ranks: int) -> str:
    """Return the ranks that cause a hang, from their newest signs of life, and for how many seconds each has given no
    new one: ranks that have stopped, or else the ranks that the others wait for.

    The seconds are of whoever looked, for some periods. The stamps in the signs are of their own hosts' clocks.
    """
    missing = sorted(set(range(ranks)) - set(slots))
    if missing:
        return f"{name_ranks(missing)} never reported"
    period = alive_period(ranks)
    silent = [rank for rank in slots if ages[rank] > 2 * period]
    # A rank that is merely late, on a busy machine, is not far behind the others; where all are silent, none is behind.
    stopped = [rank for rank in silent if ages[rank] > min(ages.values()) + period]
    if not stopped and len(silent) == ranks:
        stopped = silent
    if stopped:
        states = {rank: process_state(slots[rank].pid) for rank in stopped}
        held = " (stopped by a signal)" if all(state == "T" for state in states.values()) else ""
        return f"{name_ranks(stopped)} stopped responding{held}"
    busy = [rank for rank, slot in slots.items() if not slot.waiting]
    if busy and len(busy) < len(slots):
        return f"the others wait for {name_ranks(busy)} in phase {slots[busy[0]].phase}, step {slots[busy[0]].step}"
    return f"all ranks are alive in phase {slots[0].phase}, none advances"


def name_ranks(ranks: list[int]) -> str:
    """ "rank 3", or "ranks 1, 2, 5"; long lists are cut."""
    shown = ", ".join(str(rank) for rank in sorted(ranks)[:8]) + (", …" if len(ranks) > 8 else "")
    return f"rank{'s' if len(ranks) > 1 else ''} {shown}"


def process_state(pid: int) -> str:
    """Return the state letter of /proc, "T" for stopped; "" for a process that is not on this node."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def read_tail(path: Path, length: int = 65536) -> str:
    """Return the last ``length`` bytes of a text file; "" if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - length))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
