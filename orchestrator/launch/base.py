"""What the orchestrator asks of whoever schedules jobs. A scheduler knows nothing of benchmarks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from orchestrator.errors import EXIT_USAGE, OrchestratorError
from orchestrator.launch.causes import tail
from orchestrator.plan import PlannedRun
from orchestrator.records import EndState, Manifest, RunDirectory

Run: TypeAlias = tuple[RunDirectory, Manifest]


@dataclass(frozen=True)
class JobState:
    """What a scheduler says of one job: one of the states of ``records.STATES``, and its reason if it gives one."""

    state: str
    reason: str = ""


@dataclass(frozen=True)
class Nodes:
    """The nodes of a machine. ``states`` by node, None where nobody keeps a list; ``out_of_service``, and those
    ``left_out`` by choice.
    """

    states: dict[str, str] | None
    out_of_service: list[str]
    left_out: list[str]

    @property
    def usable(self) -> list[str]:
        """In service and not left out."""
        return [name for name in self.states or {} if name not in {*self.out_of_service, *self.left_out}]


@dataclass(frozen=True)
class Standing:
    """How a job stands with its scheduler, asked from within. ``word`` is the scheduler's own, empty where it does not
    answer; ``ending`` is the state that the job ends in, None where that is not known.
    """

    word: str = ""
    runs: bool = False
    ending: EndState | None = None


class OwnJob:
    """The job that this process runs in: who it is, and what its scheduler says of it. This one's says nothing.

    ``place`` is its index among those submitted together, ``restarts`` how often its scheduler has started it again.
    """

    product = "the scheduler"
    keeps_account = False
    """Whether the scheduler watches over the job: minds its time limit, and knows why it ends it."""

    def __init__(self, job_id: str, place: int = 0, restarts: int = 0) -> None:
        self.id, self.place, self.restarts = job_id, place, restarts

    def standing(self) -> Standing:
        """Whether it runs on, or is being ended and as what."""
        return Standing()

    def is_preempted(self) -> bool:
        """Whether its nodes are about to be given to another job."""
        return False

    def down_nodes(self) -> list[str]:
        """Those of its nodes that have failed."""
        return []

    def requeue(self) -> str | None:
        """End it, to be started again; returns what the scheduler says against that, if it does."""
        return f"{self.product} starts no job again"


class Scheduler(ABC):
    """Takes jobs, tells how they are, and ends them.

    Made of a name and nothing else, and asked as well by the jobs themselves, on the nodes.
    """

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

    def missing(self, cluster: Mapping[str, Any]) -> str | None:
        """Why nothing can be submitted from here, and what to do about it; None if it can."""
        return None

    def nodes(self, cluster: Mapping[str, Any]) -> Nodes:
        """The nodes that the profile names. Raises SchedulerSilent."""
        return Nodes(None, [], [])

    def excluding(self, cluster: Mapping[str, Any], nodes: Sequence[str]) -> dict[str, Any]:
        """The profile, so changed that jobs stay away from these nodes."""
        return dict(cluster)

    def requeues(self, manifest: Manifest) -> bool:
        """Whether it starts the run's job again by itself, after a node's failure or when it has stopped in order."""
        return False

    def goes_elsewhere(self, manifest: Manifest) -> bool:
        """Whether the profile wants a run whose node failed to be submitted again without that node."""
        return False

    def own_job(self) -> OwnJob | None:
        """The job of this scheduler that this process runs in, if it is in one."""
        return None

    def may_live(self, job_id: str) -> bool:
        """Whether a job of that id has not ended, as far as the scheduler says."""
        return False

    def logs(self, run: Run) -> list[Path]:
        """Where the newest job's own output may be: what is there before the ranks have files of theirs."""
        return []

    noise: tuple[str, ...] = ()
    """How lines begin that the scheduler itself writes into a job's output."""

    def last_words(self, run: Run) -> str:
        """The last line that a job printed, which is what its set-up died of if no rank started."""
        for path in self.logs(run):
            lines = [line.strip() for line in tail(path).splitlines() if line.strip()]
            said = [line for line in lines if not line.startswith(self.noise)] if self.noise else lines
            if lines:
                return (said or lines)[-1]
        return ""

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


class SchedulerSilent(OrchestratorError):
    """The scheduler does not answer; the message says what was asked of it."""

    exit_code = EXIT_USAGE


class SubmissionUnsure(SubmissionError):
    """The scheduler gave no answer: it may have taken the job."""
