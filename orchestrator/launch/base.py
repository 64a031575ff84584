"""What the orchestrator asks of whoever schedules jobs. A scheduler knows nothing of benchmarks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.plan import PlannedRun
from orchestrator.records import Manifest, RunDirectory


@dataclass(frozen=True)
class JobState:
    """What a scheduler says of one job: one of the states of ``records.STATES``, and its reason if it gives one."""

    state: str
    reason: str = ""


class Scheduler(ABC):
    """Takes jobs, tells how they are, and ends them."""

    name: str

    @abstractmethod
    def submit(self, directory: RunDirectory, manifest: Manifest, attempt: int) -> str:
        """Hand one attempt of a run over; returns the job's id. Raises SubmissionError."""

    @abstractmethod
    def states(self, runs: Sequence[tuple[RunDirectory, Manifest]]) -> dict[str, JobState]:
        """States by job id, of all jobs in one query; a job that is nowhere is absent."""

    @abstractmethod
    def cancel(self, runs: Sequence[tuple[RunDirectory, Manifest]]) -> None:
        """End the jobs, in order; returns without waiting for their end."""

    @abstractmethod
    def script(self, planned: PlannedRun, directory: RunDirectory) -> str:
        """The exact commands or batch script that a submission would use."""


class SubmissionError(RuntimeError):
    """The scheduler did not take a job; the message is its own."""
