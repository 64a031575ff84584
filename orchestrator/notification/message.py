"""The message that every channel sends."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


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

    def to_dict(self) -> dict[str, Any]:
        """Return the message as the spool keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Message:
        """Return the message that ``to_dict`` turned into ``values``."""
        return cls(values["subject"], tuple(values["lines"]), values["link"], values["written"])
