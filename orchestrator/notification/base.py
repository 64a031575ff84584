"""What every way to reach people offers: each takes the ``notify`` configuration and a message."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import OrchestratorError
from orchestrator.notification.message import Message


class DeliveryError(OrchestratorError):
    """A message did not go out; the text says to whom, why, and holds no secret."""


class Channel(ABC):
    """One way to reach people."""

    name: str

    def __init__(self, notify: Mapping[str, Any]) -> None:
        self.notify = notify
        self.timeout_s: float = notify["timeout_s"]

    @property
    @abstractmethod
    def wanted(self) -> bool:
        """Whether the configuration asks for it."""

    @property
    @abstractmethod
    def target(self) -> str:
        """To whom, without secrets."""

    @abstractmethod
    def check(self) -> None:
        """Raise DeliveryError unless it is complete and its server answers. Sends nothing."""

    @abstractmethod
    def send(self, message: Message) -> None:
        """Send it. Raises DeliveryError."""


def secret(group: Mapping[str, Any], name: str, key: str) -> str | None:
    """A secret out of the file ``NAME_file`` or the variable ``NAME_env`` that the configuration names; None if neither
    is named. Raises DeliveryError where one is named and has nothing.
    """
    file, variable = group[f"{name}_file"], group[f"{name}_env"]
    if file:
        try:
            found = Path(file).expanduser().read_text(encoding="utf-8").strip()
        except OSError as error:
            raise DeliveryError(f"{key}.{name}_file={file}: {error.strerror}") from error
        if not found:
            raise DeliveryError(f"{key}.{name}_file={file} is empty")
        return found
    if variable:
        if not os.environ.get(variable):
            raise DeliveryError(f"{key}.{name}_env={variable}: there is no such environment variable here")
        return os.environ[variable]
    return None
