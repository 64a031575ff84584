"""Every key of the verb ``schedule`` beyond those of a run: when and how a sweep starts, who is told what changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.schema import OrchestratorConfig


@dataclass
class ScheduleSlurmConfig:
    """What the small job that waits for a sweep asks of Slurm, with ``via=scrontab`` and ``via=slurm``; unset keys are
    not passed on. The partition must let a job hold one core for as long as the sweep takes, and submit jobs.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    memory_gb: float | None = 2
    additional: dict[str, str] = field(default_factory=dict)


@dataclass
class ScheduleConfig:
    """A cluster's scheduled sweep. ``name`` is SUITE-CLUSTER unless given. ``words``: further words for ``accept``
    beside the suite ("nodes=4 exclude_faulty=true").

    ``sweep``: the words of a command line without its verb ("benchmark=stemdl scale=weak nodes=[1,2]"), instead of an
    acceptance suite. ``when``: a cron expression in local time. ``via``: auto, scrontab, systemd, cron or slurm.
    ``until``: the last day, 2027-06-30, or a moment. ``catch_up``: a sweep whose time passed while the machine was down
    (more than ``late_min`` ago) is run once, else left out. ``wait_min``: so long a sweep waits for another one of the
    cluster. ``time_limit_min`` holds over all; what is in flight then is cancelled. ``confirm``: a sweep in which
    something looks newly slower is run a second time before anyone is told, if the time limit allows.
    ``remind_weeks``: an alarm that stays is told again so often. ``settle_weeks``: a change of speed that stays so long
    is the new normal; 0: only once it was accepted (``history accept``).
    """

    name: str | None = None
    suite: str | None = None
    words: str | None = None
    sweep: str | None = None
    when: str | None = None
    via: str = "auto"
    until: str | None = None
    catch_up: bool = True
    late_min: float = 60.0
    wait_min: float = 60.0
    time_limit_min: float = 720.0
    confirm: bool = True
    keep_logs: int = 26
    remind_weeks: float = 4.0
    settle_weeks: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)
    slurm: ScheduleSlurmConfig = field(default_factory=ScheduleSlurmConfig)


@dataclass
class MailConfig:
    """E-mail, to nobody unless ``to`` says so. Sent by ``notify.smtp`` where it has a host, else by the site's
    sendmail, ``sendmail`` unless it is where it usually is. ``sender``: this user at this host unless given.
    """

    to: list[str] = field(default_factory=list)
    sender: str | None = None
    sendmail: str | None = None


@dataclass
class SmtpConfig:
    """A mail server. ``tls``: none, starttls or tls (from the first byte). A password is never written here: it is the
    content of ``password_file``, or of the environment variable that ``password_env`` names.
    """

    host: str | None = None
    port: int = 25
    tls: str = "none"
    user: str | None = None
    password_file: str | None = None
    password_env: str | None = None


@dataclass
class WebhookConfig:
    """A chat's incoming webhook, which takes Slack's JSON. Where the address is a secret, as Slack's is, it is the
    content of ``url_file``, or of the environment variable that ``url_env`` names.
    """

    url: str | None = None
    url_file: str | None = None
    url_env: str | None = None


@dataclass
class NotifyConfig:
    """Who is told of what changed. ``link``: where the site serves the sweep's HTML history; a file:// address unless
    given. A channel that is away is tried ``attempts`` times, first after ``backoff_s``, then after twice that and so
    on; what could not be sent is sent with the next sweep. ``check``: an install looks whether channels can be reached.
    """

    mail: MailConfig = field(default_factory=MailConfig)
    smtp: SmtpConfig = field(default_factory=SmtpConfig)
    webhook: WebhookConfig = field(default_factory=WebhookConfig)
    link: str | None = None
    attempts: int = 4
    backoff_s: float = 5.0
    timeout_s: float = 20.0
    check: bool = True


@dataclass
class ScheduleVerbConfig(OrchestratorConfig):
    """The configuration of the verb ``schedule``: a run's, and what runs need not know. A site's own values for the
    last two are in ``DIR/schedule/site.yaml`` and ``DIR/notify/site.yaml`` of its ``--config-dir``.
    """

    defaults: list[Any] = field(
        default_factory=lambda: [
            *OrchestratorConfig().defaults,
            {"optional schedule": "site"},
            {"optional notify": "site"},
        ]
    )
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    notify: NotifyConfig = field(default_factory=NotifyConfig)
