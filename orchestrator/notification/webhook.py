"""A chat's incoming webhook, in the JSON that Slack fixed and others take (Mattermost, Rocket.Chat)."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from orchestrator.notification.base import Channel, DeliveryError, secret
from orchestrator.notification.message import Message

SECTION_LIMIT = 3000
"""Characters in the text of a section block (Slack, "Block Kit: section")."""


class Webhook(Channel):
    """``notify.webhook``."""

    name = "webhook"

    @property
    def wanted(self) -> bool:
        """An address must be given, or where it is."""
        return any(self.notify["webhook"].values())

    @property
    def target(self) -> str:
        """The server alone: the path of such an address is a secret."""
        try:
            return urlsplit(self.url()).netloc.rpartition("@")[2]
        except DeliveryError as error:
            return str(error)

    def url(self) -> str:
        """The address. Raises DeliveryError."""
        group = self.notify["webhook"]
        found = group["url"] or secret(group, "url", "notify.webhook") or ""
        parts = urlsplit(found)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DeliveryError("notify.webhook.url is no http:// or https:// address")
        return str(found)

    def check(self) -> None:
        """Whether the server can be reached; nothing is sent, since all that is sent to it is shown to people."""
        parts = urlsplit(self.url())
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=self.timeout_s).close()
        except OSError as error:
            raise DeliveryError(f"notify.webhook.url: {self.target}: {error.strerror or error}") from error

    def send(self, message: Message) -> None:
        """One POST; any answer but 2xx is an error."""
        body = json.dumps(payload(message), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "orchestrator"}
        request = urllib.request.Request(self.url(), data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            words = error.read(200).decode(errors="replace").strip()
            raise DeliveryError(f"{self.target} answers {error.code} {words or error.reason}") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise DeliveryError(f"{self.target}: {getattr(reason, 'strerror', None) or reason}") from error


def payload(message: Message) -> dict[str, Any]:
    """``text`` is what notifications show and what servers without blocks take."""
    lines = "\n".join(f"• {escaped(line)}" for line in message.lines)
    return {
        "text": "\n".join([f"*{escaped(message.subject)}*", lines, escaped(message.link)]),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": message.subject[:150]}},
            {"type": "section", "text": {"type": "mrkdwn", "text": lines[:SECTION_LIMIT]}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": escaped(message.link)}]},
        ],
    }


def escaped(text: str) -> str:
    """The three characters that Slack's markup gives a meaning."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
