"""The message that every channel sends."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TypedDict


class MessageEntry(TypedDict):
    """A message as the spool keeps it."""

    subject: str
    lines: list[str]
    link: str
    written: float


@dataclass(frozen=True)
class Message:
    """A subject, three lines, and a link to the full history. ``written`` is in seconds since the epoch."""

    subject: str
    lines: tuple[str, ...]
    link: str
    written: float

    @property
    def text(self) -> str:
        """The whole message as plain text."""
        host = socket.gethostname()
        return "\n".join([*self.lines, self.link, "", f"(sent by `python -m orchestrator schedule` on {host})"])

    def to_entry(self) -> MessageEntry:
        """Return the message as the spool keeps it."""
        return {"subject": self.subject, "lines": [*self.lines], "link": self.link, "written": self.written}

    @classmethod
    def from_entry(cls, entry: MessageEntry) -> Message:
        """Return the message that ``to_entry`` turned into ``entry``."""
        return cls(entry["subject"], tuple(entry["lines"]), entry["link"], entry["written"])
