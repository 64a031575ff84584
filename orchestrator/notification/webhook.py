"""A chat's incoming webhook, with the JSON of Slack, which Mattermost and Rocket.Chat accept too."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from orchestrator.notification.base import Channel, DeliveryError, read_secret
from orchestrator.notification.message import Message

SECTION_LIMIT = 3000
"""Characters in the text of a section block (Slack, "Block Kit: section")."""


class Webhook(Channel):
    """Posts to the address of ``notify.webhook``."""

    name = "webhook"

    @property
    def wanted(self) -> bool:
        """Whether an address is given, or a file or variable that holds it."""
        return any(self.notify["webhook"].values())

    @property
    def target(self) -> str:
        """The server's name. The rest of the address is a secret."""
        try:
            return urlsplit(self.url()).netloc.rpartition("@")[2]
        except DeliveryError as error:
            return str(error)

    def url(self) -> str:
        """Return the address. Raises DeliveryError."""
        group = self.notify["webhook"]
        found = group["url"] or read_secret(group["url_file"], group["url_env"], "notify.webhook.url") or ""
        reason = why_no_address(found)
        if reason:
            raise DeliveryError(f"notify.webhook.url is no http:// or https:// address: {reason}")
        return str(found)

    def check_form(self) -> None:
        """Raise DeliveryError unless an address that is written out is one. A file or variable is read when needed."""
        if self.notify["webhook"]["url"]:
            self.url()

    def check(self) -> None:
        """Raise DeliveryError unless the server can be reached. Nothing is sent, since people would see it."""
        parts = urlsplit(self.url())
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=self.timeout_s).close()
        except OSError as error:
            raise DeliveryError(f"notify.webhook.url: {self.target}: {error.strerror or error}") from error

    def send(self, message: Message) -> None:
        """Send one POST request. Raises DeliveryError for any answer but 2xx."""
        body = json.dumps(slack_payload(message), ensure_ascii=False).encode()
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


def why_no_address(text: str) -> str | None:
    """Return why a text is no address that can be posted to, without the text, which may be a secret; None if it is."""
    if not text.isascii() or any(character <= " " or character == "\x7f" for character in text):
        return "it has a character that stands in none"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return "its port is no number from 1 to 65535" if "ort" in str(error) else "its host cannot be read"
    if parts.scheme not in ("http", "https") or not host:
        return "it has another scheme, or no host"
    if port == 0:
        return "its port is no number from 1 to 65535"
    if not is_host(host):
        return "its host is no name of one"
    return None


def is_host(host: str) -> bool:
    """Whether a text can be a host's name or number: what the resolver would take."""
    try:
        return (
            bool(host) and all(0 < len(part) < 64 for part in host.rstrip(".").split(".")) and bool(host.encode("idna"))
        )
    except UnicodeError:
        return False


def slack_payload(message: Message) -> dict[str, object]:
    """Return the JSON of the message. ``text`` is shown in notifications, and by servers without blocks."""
    lines = "\n".join(f"• {escape_markup(line)}" for line in message.lines)
    return {
        "text": "\n".join([f"*{escape_markup(message.subject)}*", lines, escape_markup(message.link)]),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": message.subject[:150]}},
            {"type": "section", "text": {"type": "mrkdwn", "text": lines[:SECTION_LIMIT]}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": escape_markup(message.link)}]},
        ],
    }


def escape_markup(text: str) -> str:
    """Escape the three characters that have a meaning in Slack's markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
