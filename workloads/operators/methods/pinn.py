"""pinn: one function alone, by a network of the point (Raissi et al. 2019, doi:10.1016/j.jcp.2018.10.045)."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workloads.operators.derivatives import Derivatives, Field, Nested, Terms
from workloads.operators.networks import OneField
from workloads.operators.problems.base import Collocation
from workloads.operators.task import OperatorTask
from workloads.runtime.samples.sampleset import Arrays
from workloads.runtime.task import Batch, SampleSet, Step


class FirstFunction(SampleSet):
    """The first function of a set."""

    def __init__(self, functions: SampleSet) -> None:
        self.functions = functions

    def __len__(self) -> int:
        return 1

    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """It, once for each index."""
        return self.functions.read(np.zeros_like(indices), out)


class TileSet(SampleSet):
    """The points of one function, "sensors" (S,), dealt to tiles: "points" (R, 2) of the equation with "weights" (R,)
    and the "source" (R,), "edge" (K, 2) of the conditions with "edge_weights" (K,) and what is "given" (K,).

    Weights are such that a weighted sum, averaged over tiles, is the sum over conditions of each one's mean. Where a
    number of points is no multiple of the tiles, the last of a tile may be there once more with weight zero.
    """

    unit = "points"

    def __init__(self, function: Arrays, collocation: Collocation, tiles: int) -> None:
        """``function`` is a sample of a CollocatedSet."""
        points = function["points"][0]
        places, weights = dealt(np.arange(collocation.residual), tiles)
        sensors = np.repeat(function["sensors"], tiles, axis=0)
        self.arrays: Arrays = {"sensors": sensors, "points": points[places], "weights": weights}
        if "source" in function:
            self.arrays["source"] = function["source"][0][places]
        self.each = places.shape[1]
        if collocation.conditions:
            parts = [dealt(np.arange(len(points))[chosen], tiles) for chosen in collocation.conditions.values()]
            edge = np.concatenate([places for places, _ in parts], axis=1)
            self.arrays |= {"edge": points[edge], "edge_weights": np.concatenate([each for _, each in parts], axis=1)}
            self.each += edge.shape[1]
            if "given" in function:
                asked = np.zeros(len(points), np.float32)
                asked[np.r_[tuple(collocation.conditions.values())]] = function["given"][0]
                self.arrays["given"] = asked[edge]

    def __len__(self) -> int:
        return len(self.arrays["points"])

    def items(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """All tiles have as many points."""
        return np.full(len(indices), self.each, np.int64)

    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """Out of memory."""
        if out is None:
            return {name: array[indices] for name, array in self.arrays.items()}
        return {name: np.take(array, indices, 0, out[name][: len(indices)]) for name, array in self.arrays.items()}


def dealt(numbers: npt.NDArray[np.int64], tiles: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Numbers dealt to tiles in turn (tiles, ⌈n ÷ tiles⌉), and what each counts: weighted sums, averaged over
    tiles, are the mean over numbers.
    """
    rows = -(-len(numbers) // tiles)
    padded = np.resize(numbers, rows * tiles)
    weights = np.where(np.arange(rows * tiles) < len(numbers), tiles / len(numbers), 0).astype(np.float32)
    return padded.reshape(rows, tiles).T, weights.reshape(rows, tiles).T


class Pointwise(Derivatives):
    """Of one function's field at the points of n tiles, (n, R, 2)."""

    def __init__(self, field: Field, sensors: Tensor, points: Tensor, count: int) -> None:
        self.shape = points.shape[:2]
        leaf = points.detach().flatten(0, 1).requires_grad_()
        values = field.aligned(sensors.repeat_interleave(points.shape[1], dim=0), leaf)
        self.nested = Nested(values, leaf)
        self.values = self.everywhere = [each.unflatten(0, self.shape) for each in values]

    def combine(self, terms: Terms) -> Tensor:
        """By tiles again, (n, R)."""
        return self.nested.combine(terms).view(self.shape)


class Pinn(OperatorTask):
    """The first function of the evaluation is what is solved for, and all that quality is measured on."""

    differentiation = Pointwise

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """One function, with its solution."""
        return FirstFunction(self.collocated("evaluation", "function", "solution"))

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """Its points."""
        function = self.collocated("evaluation", "function").read(np.zeros(1, np.int64))
        return TileSet(function, self.collocation, int(self.options["tiles"]))

    def build_model(self) -> nn.Module:
        """A plain network."""
        return OneField(self.equation, len(self.problem.OUTPUTS), list(self.options["widths"]))

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """As for operators, of one function: the same parts, each the mean over its points."""
        assert isinstance(model, OneField)
        field = Pointwise(model, batch["sensors"], batch["points"], batch["points"].shape[1])
        residuals = self.equation.residuals(field, batch.get("source"))
        loss = torch.stack([(batch["weights"] * each.square()).sum(1) for each in residuals]).sum(0).mean()
        if "edge" not in batch:
            return loss
        edge = batch["edge"]
        sensors = batch["sensors"].repeat_interleave(edge.shape[1], dim=0)
        values = model.aligned(sensors, edge.flatten(0, 1))[0].view(edge.shape[:2])
        missed = values - batch["given"] if "given" in batch else values
        condition = (batch["edge_weights"] * missed.square()).sum(1).mean()
        return loss + float(self.options["condition_weight"]) * condition
