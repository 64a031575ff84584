"""The table of back ends that start sweeps by the clock, in the order of preference."""

from __future__ import annotations

from orchestrator.errors import UsageError, nearest
from orchestrator.schedule.backends.base import BackEnd, BackEndError, Unit
from orchestrator.schedule.backends.crontabs import Cron, Scrontab
from orchestrator.schedule.backends.resubmission import ResubmittingJob
from orchestrator.schedule.backends.systemd import SystemdTimer
from orchestrator.schedule.definition import Schedule

__all__ = ["AUTOMATIC", "BACK_ENDS", "BackEnd", "BackEndError", "Unit", "choose_back_end"]

BACK_ENDS: dict[str, type[BackEnd]] = {
    "scrontab": Scrontab,
    "systemd": SystemdTimer,
    "cron": Cron,
    "slurm": ResubmittingJob,
}

AUTOMATIC = ("scrontab", "systemd", "cron")
"""Back ends that ``via=auto`` tries. The resubmitting job is left out: it holds a core, so a person must choose it."""


def choose_back_end(via: str, schedule: Schedule, scheduler: str) -> BackEnd:
    """Return the named back end or, for "auto", the first one that works here.

    scrontab is tried only if the cluster has Slurm. Raises UsageError, with the remedy, if the back end is unknown or
    does not work here.
    """
    if via != "auto":
        if via not in BACK_ENDS:
            raise UsageError(f"via={via} is not known.{nearest(via, ['auto', *BACK_ENDS])}")
        back_end = BACK_ENDS[via]()
        reason = back_end.missing(schedule)
        if reason:
            raise UsageError(f"via={via}: {reason}.")
        return back_end
    reasons = []
    for name in AUTOMATIC:
        back_end = BACK_ENDS[name]()
        if back_end.of_scheduler not in (None, scheduler):
            continue
        reason = back_end.missing(schedule)
        if reason is None:
            return back_end
        reasons.append(f"  {name}: {reason}")
    raise UsageError(
        "Nothing here can start a sweep by the clock:\n"
        + "\n".join(reasons)
        + "\nOr have a small Slurm job that submits "
        "itself again: via=slurm."
    )
