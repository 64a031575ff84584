"""The interface of a channel to people. A channel takes the ``notify`` configuration and sends messages."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import OrchestratorError
from orchestrator.notification.message import Message


class DeliveryError(OrchestratorError):
    """A message was not sent. The text names the target and the reason, and holds no secret."""


class Channel(ABC):
    """One way to reach people."""

    name: str

    def __init__(self, notify: Mapping[str, Any]) -> None:
        self.notify = notify
        self.timeout_s: float = notify["timeout_s"]

    @property
    @abstractmethod
    def wanted(self) -> bool:
        """Whether the configuration asks for this channel."""

    @property
    @abstractmethod
    def target(self) -> str:
        """The receiver, without secrets."""

    @abstractmethod
    def check(self) -> None:
        """Raise DeliveryError unless the settings are complete and the server answers. Nothing is sent."""

    @abstractmethod
    def send(self, message: Message) -> None:
        """Send the message. Raises DeliveryError."""


def read_secret(group: Mapping[str, Any], name: str, key: str) -> str | None:
    """Read a secret from the file ``NAME_file`` or the environment variable ``NAME_env`` that the configuration names.

    Returns None if it names neither. Raises DeliveryError if the named one is missing or empty.
    """
    file, variable = group[f"{name}_file"], group[f"{name}_env"]
    if file:
        try:
            found = Path(file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, RuntimeError) as error:
            # Without a home folder "~" means nothing.
            raise DeliveryError(f"{key}.{name}_file={file}: {getattr(error, 'strerror', error)}") from error
        if not found:
            raise DeliveryError(f"{key}.{name}_file={file} is empty")
        return found
    if variable:
        if not os.environ.get(variable):
            raise DeliveryError(f"{key}.{name}_env={variable}: there is no such environment variable here")
        return os.environ[variable]
    return None
