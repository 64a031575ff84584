"""data_driven: from reference solutions, without the equation."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from workloads.operators.samples import CollocatedSet
from workloads.operators.task import OperatorTask
from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.runtime.task import Batch, SampleSet, Step


class SolvedSet(CollocatedSet):
    """Functions with their solutions: a point is one of the solutions' grid."""

    def items(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """All grids have as many points."""
        return np.full(len(indices), int(np.prod(self.functions.read(indices[:1])["solution"].shape[2:])), np.int64)


class DataDriven(OperatorTask):
    """The mean squared error of all outputs on the grid."""

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """Functions with their solutions."""
        functions = ConsolidatedSet(self.folder, "training", ("function", "solution"))
        return SolvedSet(functions, self.problem, self.collocation)

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Over functions, outputs and points of the grid."""
        return (self.predict(model, batch) - batch["solution"]).square().mean()
