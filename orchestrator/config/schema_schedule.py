"""Every key of the verb ``schedule`` beyond those of a run: when and how a sweep starts, who is told what changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.schema import OrchestratorConfig


@dataclass
class ScheduleSlurmConfig:
    """What the small job of a sweep asks of Slurm, with ``via=scrontab`` and ``via=slurm``; null is not passed on."""

    partition: str | None = None
    """Partition that lets a job hold one core for as long as a sweep takes, and submit jobs."""
    account: str | None = None
    """Account that pays for the job."""
    qos: str | None = None
    """Quality of service of the job."""
    memory_gb: float | None = 2
    """Memory of the job, in Slurm's units: 1 is 1024 MB."""
    additional: dict[str, str] = field(default_factory=dict)
    """Further options of sbatch by their long names."""


@dataclass
class ScheduleConfig:
    """A cluster's scheduled sweep."""

    name: str | None = None
    """Name of the schedule; null: SUITE-CLUSTER, or sweep-CLUSTER."""
    suite: str | None = None
    """Acceptance suite that is run."""
    words: str | None = None
    """Further words for ``accept`` beside the suite ("nodes=4 exclude_faulty=true")."""
    sweep: str | None = None
    """Command line without its verb ("benchmark=stemdl scale=weak nodes=[1,2]"); wins over ``suite``."""
    when: str | None = None
    """Cron expression of five fields, in local time."""
    via: str = "auto"
    """What starts sweeps: scrontab, systemd, cron, slurm, or auto: the first of these but slurm that works here."""
    until: str | None = None
    """Last day (2027-06-30) or moment at which a sweep is started; null: there is none."""
    catch_up: bool = True
    """Run a sweep once whose time passed while the machine was down; false: only within ``late_min``."""
    late_min: float = 60.0
    """How late a sweep may start if ``catch_up`` is false, min."""
    wait_min: float = 60.0
    """How long a sweep waits for another one of the cluster, min."""
    time_limit_min: float = 720.0
    """Limit of a sweep and its confirmation together, min; what is in flight then is cancelled."""
    confirm: bool = True
    """Run a sweep again, before anyone is told, if something looks newly slower and the time limit allows."""
    keep_logs: int = 26
    """Logs of sweeps that are kept, the newest."""
    remind_weeks: float = 4.0
    """How often people are told again of an alarm that stays, weeks."""
    settle_weeks: float = 0.0
    """After how long a changed speed is the new normal, weeks; 0: once it is accepted (``history accept``)."""
    environment: dict[str, str] = field(default_factory=dict)
    """Variables of a sweep; they win over those taken from the shell that installs."""
    slurm: ScheduleSlurmConfig = field(default_factory=ScheduleSlurmConfig)
    """What the small job of a sweep asks of Slurm."""


@dataclass
class MailConfig:
    """E-mail, by ``notify.smtp`` where it has a host, else by the site's sendmail."""

    to: list[str] = field(default_factory=list)
    """Addresses that mail goes to; with none, no mail is sent."""
    sender: str | None = None
    """Address that mail comes from; null: this user at this host."""
    sendmail: str | None = None
    """Path of the site's sendmail; null: where it usually is."""


@dataclass
class SmtpConfig:
    """A mail server; its password is never written here."""

    host: str | None = None
    """Name of the server; null: there is none."""
    port: int = 25
    """Port of the server."""
    tls: str = "none"
    """Encryption: none, starttls, or tls (from the first byte)."""
    user: str | None = None
    """Name to log in by; null: without a login."""
    password_file: str | None = None
    """File whose content is the password."""
    password_env: str | None = None
    """Environment variable whose value is the password; ``password_file`` wins over it."""


@dataclass
class WebhookConfig:
    """A chat's incoming webhook, which takes Slack's JSON; one of the keys is enough."""

    url: str | None = None
    """The address, unless it is a secret, as Slack's is; wins over the others."""
    url_file: str | None = None
    """File whose content is the address."""
    url_env: str | None = None
    """Environment variable whose value is the address; ``url_file`` wins over it."""


@dataclass
class NotifyConfig:
    """Who is told of what changed."""

    mail: MailConfig = field(default_factory=MailConfig)
    """E-mail."""
    smtp: SmtpConfig = field(default_factory=SmtpConfig)
    """The mail server, if there is one."""
    webhook: WebhookConfig = field(default_factory=WebhookConfig)
    """A chat's incoming webhook."""
    link: str | None = None
    """Address at which the site serves the sweep's HTML history; null: a file:// address."""
    attempts: int = 4
    """How often a channel is tried; what could not be sent is sent with the next sweep."""
    backoff_s: float = 5.0
    """Pause before the second try, s; each later one is twice as long."""
    timeout_s: float = 20.0
    """How long a channel may take to answer, s."""
    check: bool = True
    """Whether an installation checks that channels can be reached."""


@dataclass
class ScheduleVerbConfig(OrchestratorConfig):
    """The configuration of the verb ``schedule``: a run's, and what runs need not know."""

    defaults: list[Any] = field(
        default_factory=lambda: [
            *OrchestratorConfig().defaults,
            {"optional schedule": "site"},
            {"optional notify": "site"},
        ]
    )
    """A run's groups, then ``schedule/site.yaml`` and ``notify/site.yaml`` of a site's ``--config-dir``."""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    """When and how a sweep starts."""
    notify: NotifyConfig = field(default_factory=NotifyConfig)
    """Who is told of what changed."""
