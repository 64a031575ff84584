"""The interface of back ends, which start sweeps by the clock. A back end does not know what a sweep does."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import OrchestratorError
from orchestrator.schedule.definition import Schedule

COMMAND_SECONDS = 60
MARGIN_MIN = 15
"""Minutes that a back end allows a sweep beyond the sweep's own limits."""


class BackEndError(OrchestratorError):
    """A scheduler's command failed. The message holds the command's own text."""


@dataclass(frozen=True)
class Unit:
    """A text that a back end installs, and its place."""

    place: str
    text: str


class BackEnd(ABC):
    """Starts a schedule's ``start`` script by the clock. It changes only entries that carry the schedule's identity."""

    name: str
    of_scheduler: str | None = None
    """The scheduler whose own clock it is, if it is one's."""

    @abstractmethod
    def missing(self, schedule: Schedule) -> str | None:
        """Return why this back end does not work here, with the remedy; None if it works."""

    @abstractmethod
    def units(self, schedule: Schedule) -> list[Unit]:
        """Return the texts that ``install`` writes, exactly."""

    @abstractmethod
    def install(self, schedule: Schedule) -> bool:
        """Install the units; return whether anything changed. Raises BackEndError."""

    @abstractmethod
    def remove(self, schedule: Schedule) -> bool:
        """Remove the units; return whether there were any. A running sweep continues. Raises BackEndError."""

    @abstractmethod
    def present(self, schedule: Schedule) -> bool:
        """Whether the units are installed as ``units`` returns them. Raises BackEndError."""

    def notes(self, schedule: Schedule) -> list[str]:
        """Return warnings about this machine, one line each."""
        return []


def lifetime_minutes(schedule: Schedule) -> int:
    """Return the minutes that a sweep may take, its waiting included."""
    return int(schedule.settings["time_limit_min"] + schedule.settings["wait_min"] + MARGIN_MIN)


def run_command(command: Sequence[str], stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a scheduler's command and return its result. Raises BackEndError if it is missing or does not answer."""
    try:
        return subprocess.run(list(command), input=stdin, capture_output=True, timeout=COMMAND_SECONDS)
    except FileNotFoundError as error:
        raise BackEndError(f"there is no command {command[0]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackEndError(f"{' '.join(command)}: {error}") from error


def read_output(command: Sequence[str], stdin: bytes | None = None) -> bytes:
    """Run a command and return its standard output. Raises BackEndError if it fails."""
    answer = run_command(command, stdin)
    if answer.returncode:
        raise BackEndError(f"{' '.join(command)}: {complaint_of(answer)}")
    return answer.stdout


def complaint_of(answer: subprocess.CompletedProcess[bytes]) -> str:
    """Return the last lines that a failed command printed, as one line."""
    text = (answer.stderr.strip() or answer.stdout.strip()).decode(errors="replace")
    return "; ".join(text.splitlines()[-3:]) or f"exit code {answer.returncode}"
