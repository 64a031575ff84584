"""The types of the verb's configuration, whose keys config/schema_schedule.py explains."""

from __future__ import annotations

from typing import TypedDict

from orchestrator.notification.settings import NotifySettings
from orchestrator.records.settings import Configuration


class ScheduleSlurmSettings(TypedDict):
    """What the job that waits for a sweep asks of Slurm."""

    partition: str | None
    account: str | None
    qos: str | None
    memory_gb: float | None
    additional: dict[str, str]


class ScheduleSettings(TypedDict):
    """When and how a sweep starts."""

    name: str | None
    suite: str | None
    words: str | None
    sweep: str | None
    when: str | None
    via: str
    until: str | None
    catch_up: bool
    late_min: float
    wait_min: float
    time_limit_min: float
    confirm: bool
    keep_logs: int
    remind_weeks: float
    settle_weeks: float
    environment: dict[str, str]
    slurm: ScheduleSlurmSettings


class ScheduleConfiguration(Configuration):
    """The configuration of the verb ``schedule``."""

    schedule: ScheduleSettings
    notify: NotifySettings
