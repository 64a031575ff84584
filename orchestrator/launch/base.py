"""What the orchestrator asks of whoever schedules jobs. A scheduler knows nothing of benchmarks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from orchestrator.errors import OrchestratorError
from orchestrator.plan import PlannedRun
from orchestrator.records import Manifest, RunDirectory

Run: TypeAlias = tuple[RunDirectory, Manifest]


@dataclass(frozen=True)
class JobState:
    """What a scheduler says of one job: one of the states of ``records.STATES``, and its reason if it gives one."""

    state: str
    reason: str = ""


class Scheduler(ABC):
    """Takes jobs, tells how they are, and ends them."""

    name: str
    most_at_once = 1
    """Runs that one submission can take, if they are alike."""

    def alike(self, run: Run) -> Hashable:
        """Runs for which this is equal may go into one submission."""
        return run[1].spec.run

    def mark(self, runs: Sequence[Run]) -> None:
        """Write into the manifests of runs about to be submitted together by what their jobs will be known again."""
        for _, manifest in runs:
            manifest.tag = f"orchestrator:{manifest.spec.campaign}/{manifest.spec.run}#{manifest.attempts}"
            manifest.label = manifest.spec.run[:64]
            manifest.task = None

    @abstractmethod
    def submit(self, runs: Sequence[Run]) -> list[str]:
        """Hand the newest attempts of runs that are alike over in one submission; returns the jobs' ids.

        Raises SchedulerBusy where none was taken and later might be, SubmissionUnsure where they may have been taken,
        SubmissionError where they never will be.
        """

    @abstractmethod
    def states(self, runs: Sequence[Run]) -> dict[str, JobState]:
        """States by job id, of all jobs in one query; a job that is nowhere is absent."""

    def find(self, runs: Sequence[Run]) -> dict[str, str] | None:
        """Ids, by run, of jobs that were submitted and of which nobody wrote the id down; None if it cannot say."""
        return {}

    def failed_nodes(self, run: Run) -> list[str]:
        """Names of the nodes whose failure ended a run's newest job."""
        return []

    @abstractmethod
    def cancel(self, runs: Sequence[Run]) -> None:
        """End the jobs, in order; returns without waiting for their end."""

    @abstractmethod
    def scripts(self, planned: Sequence[PlannedRun], folder: Path, max_jobs: int) -> dict[str, str]:
        """By run: the exact commands or batch script that submitting these runs of the campaign in ``folder`` would
        use, ``max_jobs`` of them at a time.
        """


class SubmissionError(OrchestratorError):
    """The scheduler did not take a job; the message is its own."""


class SchedulerBusy(SubmissionError):
    """The scheduler takes no more jobs at present."""


class SubmissionUnsure(SubmissionError):
    """The scheduler gave no answer: it may have taken the job."""
