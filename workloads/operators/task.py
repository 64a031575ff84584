"""What all methods of operators share: their functions and points, the loss, the quality, and what they answer."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from orchestrator.records.settings import Settings
from workloads.operators.constants import Constant
from workloads.operators.datasets.base import OperatorDescription
from workloads.operators.derivatives import Derivatives, ZeroCoordinateShift
from workloads.operators.equations import EQUATIONS
from workloads.operators.equations.base import Equation
from workloads.operators.networks import DeepONet
from workloads.operators.problems import PROBLEMS
from workloads.operators.problems.base import Collocation, Problem
from workloads.operators.quality import OperatorQuality, squared_sums
from workloads.operators.samples import CollocatedSet
from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of
from workloads.runtime.task import Batch, Quality, SampleSet, Step, Task, to_device


class OperatorTask(Task):
    """Functions, as a network sees them (n, S), to fields (n, outputs, n1, n2) on the reference solutions' grid."""

    twice_differentiable = True
    differentiation: ClassVar[type[Derivatives]]
    """How derivatives are taken in training. Quality takes the same by zero coordinate shift."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder)
        self.options = settings["model"]

    @functools.cached_property
    def description(self) -> OperatorDescription:
        """What is known of the data."""
        return read_description_of(self.folder, OperatorDescription)

    @functools.cached_property
    def problem(self) -> Problem:
        """What is given."""
        return PROBLEMS[self.description["set"]](self.description["parameters"])

    @functools.cached_property
    def equation(self) -> Equation:
        """What must hold."""
        return EQUATIONS[self.description["set"]](self.description["parameters"], self.options["hard_conditions"])

    @functools.cached_property
    def collocation(self) -> Collocation:
        """The points, the same for all functions, ranks and epochs: drawn by the run's seed."""
        counts = {name: int(self.settings["dataset"][name]) for name in self.problem.POINTS}
        return self.problem.collocate(counts, np.random.default_rng(self.seed))

    @functools.cached_property
    def grid(self) -> Constant:
        """The points of the reference solutions, (n1 · n2, 2) float32, the first coordinate changing slowest."""

        def make() -> Tensor:
            axes = [torch.tensor(axis, dtype=torch.float64) for axis in self.description["axes"]]
            return torch.cartesian_prod(*axes).float()

        return Constant(make)

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """Functions without their solutions."""
        return self.collocated("training", "function")

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """Other functions, with their solutions."""
        return self.collocated("evaluation", "function", "solution")

    def collocated(self, part: str, *fields: str) -> CollocatedSet:
        """A part's functions with the points."""
        return CollocatedSet(ConsolidatedSet(self.folder, part, fields), self.problem, self.collocation)

    def build_model(self) -> nn.Module:
        """A DeepONet."""
        sensors = self.problem.sensing.matrix.shape[1]
        return DeepONet(self.equation, sensors, len(self.problem.OUTPUTS), list(self.options["widths"]))

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """The equation's mean square and, with their weight, the conditions', over functions and points."""
        residual, condition = self.parts_of_loss(self.differentiation, model, batch)
        return (residual + float(self.options["condition_weight"]) * condition).mean()

    def parts_of_loss(self, way: type[Derivatives], model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """What the equation and the conditions miss for each function, (n,) each: means of squares over points, added
        up over equations and over conditions.
        """
        field = self.derive(way, model, batch)
        residuals = self.equation.residuals(field, batch.get("source"))
        return torch.stack([each.square().mean(1) for each in residuals]).sum(0), self.condition(field, batch)

    def derive(self, way: type[Derivatives], model: nn.Module, batch: Batch) -> Derivatives:
        """The fields of a batch's functions at the points, of which each function has a copy, with derivatives."""
        return way(model, batch["sensors"], batch["points"][0], self.collocation.residual)  # type: ignore[arg-type]

    def condition(self, field: Derivatives, batch: Batch) -> Tensor:
        """What the conditions miss for each function, (n,). They are about the first output."""
        everywhere, place = field.everywhere[0], 0
        found = everywhere.new_zeros(len(everywhere))
        for points in self.collocation.conditions.values():
            values = everywhere[:, points]
            if "given" in batch:
                values = values - batch["given"][:, place : place + values.shape[1]]
                place += values.shape[1]
            found = found + values.square().mean(1)
        return found

    def new_quality(self) -> Quality:
        """No functions yet."""
        return OperatorQuality(self.problem.OUTPUTS, self.problem.JUDGED, self.measure)

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The scores (n,) of a batch's functions, see quality.py."""
        residual, condition = self.parts_of_loss(ZeroCoordinateShift, model, batch)
        with torch.no_grad():
            made = self.predict(model, batch)
        sums = squared_sums(made, batch["solution"], self.problem.OUTPUTS)
        return {**sums, "residual": residual, "condition": condition}

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """The fields on the grid, (n, outputs, n1, n2)."""
        first, second = (len(axis) for axis in self.description["axes"])
        fields = self.fields(model, batch)
        return fields.movedim(2, 1).reshape(len(fields), -1, first, second)

    def fields(self, model: nn.Module, batch: Batch) -> Tensor:
        """The same point by point, (n, n1 · n2, outputs)."""
        found: Tensor = model(batch["sensors"], self.grid.like(batch["sensors"]))
        return found

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """A few functions of the evaluation set: what is given, the solution, the field and its error."""
        from workloads.operators.pictures import PICTURED, Views, draw_fields

        count = len(self.evaluation_set)
        chosen = np.linspace(0, count - 1, min(count, PICTURED)).round().astype(np.int64)
        batch = to_device(self.evaluation_set.read(chosen), device)
        with torch.inference_mode():
            made = self.predict(model, batch).cpu().numpy()
        views = Views(batch["sensors"].cpu().numpy(), batch["solution"].cpu().numpy(), made, self.history)
        draw_fields(path, views, self.description, self.problem)
