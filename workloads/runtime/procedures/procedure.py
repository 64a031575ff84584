"""The contract of all procedures, which run once the ranks have joined, and their table by mode."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.records import AttemptDirectory, ProcedureResult, RunDirectory, RunSpec
from workloads.runtime.communicators.base import Communicator
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.measurement.telemetry import Telemetry, TelemetryFile

if TYPE_CHECKING:
    import torch
    from torch import nn

    from workloads.runtime.task import Task

PROCEDURES = {
    "training": "workloads.runtime.procedures.training_run:Training",
    "inference": "workloads.runtime.procedures.inference:Inference",
}
"""Classes of the procedures that any benchmark with a task can do, by mode."""


def procedure_path(spec: RunSpec) -> str:
    """The "package.module:Class" of a run's procedure: its mode's, else the benchmark's own.

    Version 0.1 wrote a benchmark's own procedure down as its task.
    """
    return PROCEDURES.get(spec.mode) or str(spec.settings.get("procedure") or spec.settings["task"])


@dataclass(kw_only=True)
class RunContext:
    """What a procedure finds when it begins: its run, the data, the ranks that it works with, and where to write.

    ``folder`` is the data set's. ``task_class`` is the benchmark's, None if it has none. ``begun`` says when each phase
    so far began, in seconds since the epoch. ``device_name`` is torch's for what the rank computes on. To ``warnings``
    goes what the result should warn of.
    """

    spec: RunSpec
    directory: RunDirectory
    attempt: AttemptDirectory
    folder: Path
    task_class: type[Task] | None
    communicator: Communicator
    device_name: str
    progress: Progress
    file: TelemetryFile
    begun: Mapping[str, float]
    warnings: list[str]


class Procedure(ABC):
    """What one rank does and measures between joining its communicator and the result. All ranks do the same."""

    reads_staged_copy = True
    """Whether data may come from a copy on the node's own disk."""
    telemetry: Telemetry

    def __init__(self, context: RunContext) -> None:
        """Raises what makes the run impossible. Collective."""
        self.context = context
        self.spec = context.spec
        self.communicator = context.communicator
        self.progress = context.progress
        self.quality = context.spec.settings["quality"]

    @cached_property
    def device(self) -> torch.device:
        """What the rank computes on."""
        import torch

        return torch.device(self.context.device_name)

    @abstractmethod
    def run(self) -> ProcedureResult | None:
        """Do it. The result's entries on rank 0; None on others, and if the run was asked to stop to go on later."""

    @property
    def run_start(self) -> float | None:
        """When the measured part began, seconds since the epoch; None: when ``run`` was called."""
        return None

    @property
    def run_stop(self) -> float | None:
        """When the measured part ended, seconds since the epoch; None: when ``run`` returned."""
        return None

    @property
    def target_after(self) -> float | None:
        """Return the seconds from ``run_start`` until the target was reached; None if it was not."""
        return None

    def draw(self, path: Path) -> None:  # noqa: B027
        """Write a picture of what came out, where there is something to see. Rank 0 alone is asked, after ``run``."""

    def enter(self, phase: str) -> None:
        """A phase of the run begins."""
        self.telemetry.enter(phase)
        self.progress.enter(phase)


class ModelProcedure(Procedure):
    """A procedure that works on the model of a benchmark's task."""

    model: nn.Module

    def __init__(self, context: RunContext) -> None:
        from workloads.runtime.procedures.suited import settle

        super().__init__(context)
        assert context.task_class is not None, f"mode={self.spec.mode} needs a benchmark with a task"
        twice = context.task_class.twice_differentiable
        self.suited = settle(self.spec.settings["training"], self.device, self.communicator, twice)
        self.task = context.task_class(self.suited.applied_to(self.spec.settings), context.folder)
        self.task.seed = self.spec.seed

    def draw(self, path: Path) -> None:
        """A few samples of the evaluation set, as the task shows them."""
        self.model.eval()
        self.task.draw(self.model, self.device, path)
