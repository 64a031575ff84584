"""The types of the configuration groups ``schedule`` and ``notify``, whose keys config/schema_schedule.py explains."""

from __future__ import annotations

from typing import TypedDict

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
    keep_logs: int
    remind_weeks: float
    settle_weeks: float
    environment: dict[str, str]
    slurm: ScheduleSlurmSettings


class MailSettings(TypedDict):
    """Who gets e-mail."""

    to: list[str]
    sender: str | None
    sendmail: str | None


class SmtpSettings(TypedDict):
    """The mail server."""

    host: str | None
    port: int
    tls: str
    user: str | None
    password_file: str | None
    password_env: str | None


class WebhookSettings(TypedDict):
    """The chat's address, or where it is kept."""

    url: str | None
    url_file: str | None
    url_env: str | None


class NotifySettings(TypedDict):
    """Who is told, and how."""

    mail: MailSettings
    smtp: SmtpSettings
    webhook: WebhookSettings
    link: str | None
    attempts: int
    backoff_s: float
    timeout_s: float
    check: bool


class ScheduleConfiguration(Configuration):
    """The configuration of the verb ``schedule``."""

    schedule: ScheduleSettings
    notify: NotifySettings
