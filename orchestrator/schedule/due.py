"""Which of a schedule's moments is to be run now: each once, and of those missed the last alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.schedule.timing import Timing

SKEW = timedelta(seconds=30)
"""So much the clock of whoever starts a sweep may be ahead of this machine's."""
TRIES = 2
"""A slot whose sweep ended with the machine is run again, but not for ever."""
COUNTED = 1000


@dataclass(frozen=True)
class Slot:
    """What was done about a moment: ``tries`` sweeps begun; ``done`` once one of them ended, however it ended."""

    moment: datetime
    tries: int
    done: bool


@dataclass(frozen=True)
class Due:
    """The moment to be run, or why nothing is. ``missed``: earlier moments that nothing was run for."""

    moment: datetime
    reason: str | None
    missed: int
    tries: int = 1


def due(
    timing: Timing, last: Slot | None, installed: datetime, moment: datetime, catch_up: bool, late: timedelta,
    asked_to_catch_up: bool = False,
) -> Due:  # fmt: skip
    """What a start at ``moment`` is for. ``last``: the slot handled last; none before the schedule was ``installed``
    counts. ``asked_to_catch_up``: the start is for the sake of what may have been missed, not of a moment come.
    """
    slot = timing.newest(moment + SKEW)
    since = last.moment if last else installed
    missed = 0
    for passed in timing.after(since):
        if passed >= slot or missed == COUNTED:
            break
        missed += 1
    if last is not None and slot <= last.moment:
        if last.done or last.tries >= TRIES:
            return Due(slot, f"the sweep of {slot:%Y-%m-%d %H:%M} was run already", 0)
        return Due(slot, None, 0, last.tries + 1)
    if slot <= installed - SKEW:
        if asked_to_catch_up:
            return Due(slot, "nothing was missed", 0)
        # Started by hand, or by a clock that is ahead: the first one.
        return Due(slot, None, 0)
    if moment - slot > late and not catch_up:
        return Due(slot, f"the sweep of {slot:%Y-%m-%d %H:%M} was missed, and catch_up=false", missed + 1)
    return Due(slot, None, missed)
