"""What people are told."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Message:
    """A subject, three lines, and where to read on. ``written``: seconds since the epoch."""

    subject: str
    lines: tuple[str, ...]
    link: str
    written: float

    @property
    def text(self) -> str:
        """All of it as plain text."""
        host = socket.gethostname()
        return "\n".join([*self.lines, self.link, "", f"(sent by `python -m orchestrator schedule` on {host})"])

    def to_dict(self) -> dict[str, Any]:
        """For the spool."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Message:
        """The inverse."""
        return cls(values["subject"], tuple(values["lines"]), values["link"], values["written"])
