"""The table of channels to people."""

from __future__ import annotations

from orchestrator.notification.base import Channel
from orchestrator.notification.mail import Mail
from orchestrator.notification.settings import NotifySettings
from orchestrator.notification.webhook import Webhook

CHANNELS: tuple[type[Channel], ...] = (Mail, Webhook)


def wanted_channels(notify: NotifySettings) -> list[Channel]:
    """Return the channels that the configuration asks for."""
    return [channel for channel in (kind(notify) for kind in CHANNELS) if channel.wanted]
