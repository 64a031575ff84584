"""The types of the configuration group ``notify``, whose keys config/schema_schedule.py explains."""

from __future__ import annotations

from typing import TypedDict


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
