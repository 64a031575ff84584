"""What is asked of whoever starts sweeps by the clock. A back end knows nothing of what a sweep is."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import OrchestratorError
from orchestrator.schedule.definition import Schedule

COMMAND_SECONDS = 60
MARGIN_MIN = 15
"""So much longer than the sweep's own limit its starter lets it live."""


class BackEndError(OrchestratorError):
    """A scheduler's command failed; the message holds its own words."""


@dataclass(frozen=True)
class Unit:
    """A text that a back end installs, and where it goes."""

    place: str
    text: str


class BackEnd(ABC):
    """Starts a schedule's ``start`` script by the clock. Touches nothing but what carries the schedule's identity."""

    name: str

    @abstractmethod
    def missing(self, schedule: Schedule) -> str | None:
        """Why it cannot be had here, and how it could; None if it can."""

    @abstractmethod
    def units(self, schedule: Schedule) -> list[Unit]:
        """What ``install`` puts where, to the last character."""

    @abstractmethod
    def install(self, schedule: Schedule) -> bool:
        """Put it there; returns whether anything had to be changed. Raises BackEndError."""

    @abstractmethod
    def remove(self, schedule: Schedule) -> bool:
        """Take it away; returns whether anything was there. A sweep that runs goes on. Raises BackEndError."""

    @abstractmethod
    def present(self, schedule: Schedule) -> bool:
        """Whether what ``units`` says is there. Raises BackEndError."""

    def notes(self, schedule: Schedule) -> list[str]:
        """What a person should know of this machine before relying on it."""
        return []


def minutes(schedule: Schedule) -> int:
    """How long a sweep may take with all its waiting, as its starter counts it."""
    return int(schedule.settings["time_limit_min"] + schedule.settings["wait_min"] + MARGIN_MIN)


def ask(command: Sequence[str], stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a scheduler's command. Raises BackEndError if there is none or it does not answer."""
    try:
        return subprocess.run(list(command), input=stdin, capture_output=True, timeout=COMMAND_SECONDS)
    except FileNotFoundError as error:
        raise BackEndError(f"there is no command {command[0]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackEndError(f"{' '.join(command)}: {error}") from error


def told(command: Sequence[str], stdin: bytes | None = None) -> bytes:
    """What a command prints. Raises BackEndError if it fails."""
    answer = ask(command, stdin)
    if answer.returncode:
        raise BackEndError(f"{' '.join(command)}: {words(answer)}")
    return answer.stdout


def words(answer: subprocess.CompletedProcess[bytes]) -> str:
    """A failed command's own complaint in one line."""
    text = (answer.stderr.strip() or answer.stdout.strip()).decode(errors="replace")
    return "; ".join(text.splitlines()[-3:]) or f"exit code {answer.returncode}"
