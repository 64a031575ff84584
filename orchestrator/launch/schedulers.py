"""The schedulers there are."""

from __future__ import annotations

from orchestrator.launch.base import Scheduler


def _local() -> Scheduler:
    from orchestrator.launch.local import LocalScheduler

    return LocalScheduler()


def _slurm() -> Scheduler:
    from orchestrator.launch.slurm.scheduler import SlurmScheduler

    return SlurmScheduler()


SCHEDULERS = {"local": _local, "slurm": _slurm}


def scheduler(name: str) -> Scheduler:
    """The scheduler of that name."""
    return SCHEDULERS[name]()
