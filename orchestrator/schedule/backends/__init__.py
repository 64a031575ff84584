"""Who can start sweeps by the clock, the first that a machine has before those that follow."""

from __future__ import annotations

from orchestrator.errors import UsageError, nearest
from orchestrator.schedule.backends.base import BackEnd, BackEndError, Unit
from orchestrator.schedule.backends.crontabs import Cron, Scrontab
from orchestrator.schedule.backends.resubmission import ResubmittingJob
from orchestrator.schedule.backends.systemd import SystemdTimer
from orchestrator.schedule.definition import Schedule

__all__ = ["AUTOMATIC", "BACK_ENDS", "BackEnd", "BackEndError", "Unit", "choose"]

BACK_ENDS: dict[str, type[BackEnd]] = {
    "scrontab": Scrontab,
    "systemd": SystemdTimer,
    "cron": Cron,
    "slurm": ResubmittingJob,
}

AUTOMATIC = ("scrontab", "systemd", "cron")
"""Those that ``via=auto`` looks for: a job that holds a core while others run must be somebody's choice."""


def choose(via: str, schedule: Schedule, scheduler: str) -> BackEnd:
    """The back end of that name, or with "auto" the first that is there; scrontab only where the cluster has Slurm.

    Raises UsageError for one that is unknown or not there, saying how to get it.
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
        if name == "scrontab" and scheduler != "slurm":
            continue
        back_end = BACK_ENDS[name]()
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
