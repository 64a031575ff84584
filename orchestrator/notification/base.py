"""The interface of a channel to people. A channel takes the ``notify`` configuration and sends messages."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path

from orchestrator.config.paths import expand_path
from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.notification.message import Message
from orchestrator.notification.settings import NotifySettings


class DeliveryError(OrchestratorError):
    """A message was not sent. The text names the target and the reason, and holds no secret."""


class Channel(ABC):
    """One way to reach people."""

    name: str

    def __init__(self, notify: NotifySettings) -> None:
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
    def check_form(self) -> None:
        """Raise DeliveryError unless the settings are complete and of a form that can be used. Nobody is asked."""

    @abstractmethod
    def check(self) -> None:
        """Raise DeliveryError unless the server answers too. Nothing is sent."""

    @abstractmethod
    def send(self, message: Message) -> None:
        """Send the message. Raises DeliveryError, or whatever else a library raises."""

    def deliver(self, message: Message) -> None:
        """Send the message. Raises DeliveryError, whatever goes wrong."""
        try:
            self.send(message)
        except DeliveryError:
            raise
        except Exception as error:
            # Its text may hold the address, which may be a secret.
            raise DeliveryError(f"{self.name}: {type(error).__name__} as it was sent") from error


def read_secret(file: str | None, variable: str | None, key: str) -> str | None:
    """Read a secret from the file or the environment variable that the configuration names: its KEY_file, its KEY_env.

    Returns None if it names neither. Raises DeliveryError if the named one is missing or empty.
    """
    if file:
        try:
            found = Path(expand_path(f"{key}_file", file)).read_text(encoding="utf-8").strip()
        except UsageError as error:
            raise DeliveryError(str(error)) from error
        except OSError as error:
            raise DeliveryError(f"{key}_file={file}: {error.strerror}") from error
        if not found:
            raise DeliveryError(f"{key}_file={file} is empty")
        return found
    if variable:
        if not os.environ.get(variable):
            raise DeliveryError(f"{key}_env={variable}: there is no such environment variable here")
        return os.environ[variable]
    return None
