"""Decides which moment of a schedule is run now. Each is run once; of several missed moments only the last is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.schedule.timing import Timing, later

SKEW = timedelta(seconds=30)
"""Time by which the clock of the host that starts a sweep may be ahead of this machine's."""
TRIES = 2
"""A sweep that the machine cut off is run again, up to this number of tries."""
COUNTED = 1000


@dataclass(frozen=True)
class Slot:
    """A moment and its state: ``tries`` sweeps were begun, and ``done`` is True once one of them ended in any way."""

    moment: datetime
    tries: int
    done: bool


@dataclass(frozen=True)
class Due:
    """The moment to run, or with ``reason`` why nothing is run. ``missed`` counts the earlier moments that were not
    run. ``clock`` says what is wrong with the clock, if anything is.
    """

    moment: datetime
    reason: str | None
    missed: int
    tries: int = 1
    clock: str | None = None


def decide_due(
    timing: Timing, last: Slot | None, installed: datetime, moment: datetime, catch_up: bool, late: timedelta,
    asked_to_catch_up: bool = False,
) -> Due:  # fmt: skip
    """Return the slot that a start at ``moment`` serves.

    ``last`` is the slot that was handled last; one that is still to come is of a clock that was ahead, and is passed
    over. Moments before the schedule was ``installed`` do not count. ``asked_to_catch_up``: the start only looks for
    missed moments.
    """
    clock = None
    slot = timing.newest(later(moment, SKEW))
    if last is not None and last.moment.timestamp() > moment.timestamp() + SKEW.total_seconds():
        clock = (
            f"a sweep was run for {last.moment:%Y-%m-%d %H:%M}, and it is {moment:%Y-%m-%d %H:%M}: this machine's "
            "clock was ahead, or is behind now"
        )
        last = None
        # What was run before the clock was wrong is not known any more, so that nothing is said to be missed.
        since = slot
    else:
        since = last.moment if last else installed
    due = slot.timestamp()
    missed = 0
    for passed in timing.after(since):
        if passed.timestamp() >= due or missed == COUNTED:
            break
        missed += 1
    if last is not None and due <= last.moment.timestamp():
        if last.done or last.tries >= TRIES:
            return Due(slot, f"the sweep of {slot:%Y-%m-%d %H:%M} was run already", 0)
        return Due(slot, None, 0, last.tries + 1)
    if due <= installed.timestamp() - SKEW.total_seconds():
        if asked_to_catch_up:
            return Due(slot, "nothing was missed", 0, clock=clock)
        # Started by hand, or by a clock that is ahead: the first one.
        return Due(slot, None, 0, clock=clock)
    if moment.timestamp() - due > late.total_seconds() and not catch_up:
        return Due(slot, f"the sweep of {slot:%Y-%m-%d %H:%M} was missed, and catch_up=false", missed + 1, clock=clock)
    return Due(slot, None, missed, clock=clock)
