"""The ways to reach people, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.notification.base import Channel
from orchestrator.notification.mail import Mail
from orchestrator.notification.webhook import Webhook

CHANNELS: tuple[type[Channel], ...] = (Mail, Webhook)


def channels(notify: Mapping[str, Any]) -> list[Channel]:
    """Those that the configuration asks for."""
    return [channel for channel in (kind(notify) for kind in CHANNELS) if channel.wanted]
