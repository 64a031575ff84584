"""The interface of schedulers. A scheduler knows nothing of benchmarks."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from orchestrator.errors import OrchestratorError
from orchestrator.launch.causes import read_tail
from orchestrator.plan import PlannedRun
from orchestrator.records import EndState, Manifest, RunDirectory
from orchestrator.records.settings import ClusterSettings

Run: TypeAlias = tuple[RunDirectory, Manifest]


@dataclass(frozen=True)
class JobState:
    """A scheduler's report on one job: one of ``records.STATES``, and a reason if it gives one.

    ``stuck``: the job waits for what never comes by itself. ``suspended``: it has its nodes, and stands still on them.
    ``preempted``: it has ended, because its nodes were given to another job, and may yet return to the queue.
    """

    state: str
    reason: str = ""
    stuck: bool = False
    suspended: bool = False
    preempted: bool = False

    @property
    def lost_nodes(self) -> bool:
        """Whether it has ended because its nodes were taken from it, so that another attempt may go on."""
        return self.preempted or self.state == "node-failed"


@dataclass(frozen=True)
class Nodes:
    """The nodes of a machine. ``states`` maps nodes to states; None if there is no list of nodes. ``out_of_service``
    lists nodes that take no jobs, ``left_out`` those excluded by choice.
    """

    states: dict[str, str] | None
    out_of_service: list[str]
    left_out: list[str]

    @property
    def usable(self) -> list[str]:
        """Nodes in service and not left out."""
        return [name for name in self.states or {} if name not in {*self.out_of_service, *self.left_out}]


@dataclass(frozen=True)
class Standing:
    """A job's standing with its scheduler, asked from within the job.

    ``word`` is the scheduler's own term, empty if it does not answer. ``ending`` is the state that the job will end in,
    None if that is not known, ``how`` who or what ends it, if that is known.
    """

    word: str = ""
    runs: bool = False
    ending: EndState | None = None
    how: str = ""


class OwnJob:
    """The job that this process runs in. This base class knows nothing of it beyond its id.

    ``place`` is its index among jobs submitted together; ``restarts`` counts how often its scheduler has started it
    again.
    """

    product = "the scheduler"
    keeps_account = False
    """Whether the scheduler enforces the job's time limit and knows why it ends the job."""

    def __init__(self, job_id: str, place: int = 0, restarts: int = 0) -> None:
        self.id, self.place, self.restarts = job_id, place, restarts

    def standing(self) -> Standing:
        """Return whether the job runs or is being ended, and in which state."""
        return Standing()

    def is_preempted(self) -> bool:
        """Whether the job's nodes are about to be given to another job."""
        return False

    def down_nodes(self) -> list[str]:
        """Return those of the job's nodes that have failed."""
        return []

    def why_restarted(self) -> str:
        """Return why the job was started again, as far as its scheduler tells."""
        return f"{self.product} started job {self.id} again"

    def requeue(self) -> str | None:
        """End the job so that it is started again; return the scheduler's objection, or None."""
        return f"{self.product} starts no job again"


class Scheduler(ABC):
    """Takes jobs, reports their states, and ends them.

    It is constructed without arguments, and also used by the jobs themselves on the nodes.
    """

    name: str
    most_at_once = 1
    """Most similar runs in one submission."""
    holds_back = False
    """Whether it starts no more of the runs of one submission at a time than ``cluster.limits.max_jobs``."""

    def alike(self, run: Run) -> Hashable:
        """Return a key; runs with equal keys may be submitted together."""
        return run[1].spec.run

    def mark(self, runs: Sequence[Run]) -> None:
        """Write into the manifests of runs submitted together what identifies their jobs across restarts: no other
        campaign's, though it has the same name in another results folder, or had it before this one.
        """
        for directory, manifest in runs:
            origin = os.fsencode(directory.path.parent) + f" {manifest.created}".encode()
            token = hashlib.sha256(origin).hexdigest()[:8]
            manifest.tag = f"orchestrator:{manifest.spec.campaign}/{manifest.spec.run}#{manifest.attempts}~{token}"
            manifest.label = manifest.spec.run[:64]
            manifest.task = None

    @abstractmethod
    def submit(self, runs: Sequence[Run]) -> list[str]:
        """Submit the newest attempts of similar runs together; return the jobs' ids.

        Raises SchedulerBusy if none was taken but may be later, SubmissionUnsure if they may have been taken, and
        SubmissionError if they never will be.
        """

    @abstractmethod
    def states(self, runs: Sequence[Run]) -> dict[str, JobState]:
        """Return states by job id, of all jobs in one query. An unknown job is absent."""

    def states_now(self, runs: Sequence[Run]) -> dict[str, JobState]:
        """Return states by job id as ``states`` does, from a query of this moment; nothing without an answer."""
        return self.states(runs)

    def find(self, runs: Sequence[Run]) -> dict[str, str] | None:
        """Return job ids, by run, of submitted jobs whose id was not recorded; None if the scheduler cannot tell."""
        return {}

    def failed_nodes(self, run: Run) -> list[str]:
        """Return the names of the nodes whose failure ended a run's newest job."""
        return []

    def consumed_joules(self, job_id: str) -> float | None:
        """Return the energy that the scheduler's accounting has of an ended job, J; None if it keeps none."""
        return None

    def holds_whole_nodes(self, cluster: ClusterSettings) -> bool:
        """Whether a job of this profile has its nodes to itself by the scheduler's word."""
        return False

    def missing(self, cluster: ClusterSettings) -> str | None:
        """Return why nothing can be submitted from here, with the remedy; None if it can."""
        return None

    def refuses(self, cluster: ClusterSettings, nodes: Sequence[int]) -> str | None:
        """Return why jobs of one of these numbers of nodes could never start, with the remedy; None if they could."""
        return None

    def nodes(self, cluster: ClusterSettings) -> Nodes:
        """Return the nodes of the profile. Raises SchedulerSilent."""
        return Nodes(None, [], [])

    def excluding(self, cluster: ClusterSettings, nodes: Sequence[str]) -> ClusterSettings:
        """Return the profile, changed so that jobs avoid these nodes."""
        return cluster.copy()

    def requeues(self, manifest: Manifest) -> bool:
        """Whether the scheduler itself starts the run's job again, after a node's failure or an orderly stop."""
        return False

    def goes_elsewhere(self, manifest: Manifest) -> bool:
        """Whether the profile asks that a run whose node failed is submitted again without that node."""
        return False

    def own_job(self) -> OwnJob | None:
        """Return the job of this scheduler that this process runs in, or None."""
        return None

    def may_live(self, job_id: str) -> bool:
        """Whether the job has not ended, as far as the scheduler knows."""
        return False

    def logs(self, run: Run) -> list[Path]:
        """Return the files that may hold the newest job's own output, written before the ranks have files."""
        return []

    noise: tuple[str, ...] = ()
    """Beginnings of lines that the scheduler itself writes into a job's output."""

    def last_words(self, run: Run) -> str:
        """Return the last line that a job printed: the error of its set-up, if no rank started."""
        for path in self.logs(run):
            lines = [line.strip() for line in read_tail(path).splitlines() if line.strip()]
            said = [line for line in lines if not line.startswith(self.noise)] if self.noise else lines
            if lines:
                return (said or lines)[-1]
        return ""

    @abstractmethod
    def cancel(self, runs: Sequence[Run]) -> None:
        """End the jobs in order. It returns before they have ended."""

    @abstractmethod
    def scripts(self, planned: Sequence[PlannedRun], folder: Path, max_jobs: int) -> dict[str, str]:
        """Return, by run, the exact commands or batch script that a submission of these runs of the campaign in
        ``folder`` would use, ``max_jobs`` at a time.
        """


class SubmissionError(OrchestratorError):
    """The scheduler refused a job; the message is its own."""


class SchedulerBusy(SubmissionError):
    """The scheduler takes no more jobs at present."""


class TooManyTogether(SchedulerBusy):
    """The scheduler takes these runs, but fewer in one submission."""


class SchedulerSilent(OrchestratorError):
    """The scheduler does not answer; the message names the query."""


class SubmissionUnsure(SubmissionError):
    """The scheduler gave no answer, so it may have taken the job."""
