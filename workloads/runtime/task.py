"""The contract between a benchmark and the training loop.

A benchmark is a folder with ``benchmark.yaml`` and a ``Task``; the loop, the communicators, the loader and the
telemetry know it only through this interface.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from orchestrator.records.settings import Settings
from workloads.runtime.samples.sampleset import Arrays, SampleSet

__all__ = ["Arrays", "Batch", "Player", "Quality", "SampleSet", "Step", "Task", "to_device"]

Batch = dict[str, Tensor]
"""Tensors by name, each with the batch's samples along its first dimension."""


def alone(rows: Tensor) -> Tensor:
    """The rows of all ranks, where this rank is the only one."""
    return rows


def own_sums(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sums over all ranks, where this rank is the only one."""
    return sums


@dataclass(frozen=True)
class Step:
    """Where training is when a loss is asked for. ``Step()`` is the first step of a rank that is alone.

    ``number`` counts the optimiser steps so far, over all attempts; ``of`` is how many the whole training has.

    ``together`` gives all ranks' rows (N, …) for this rank's (n, …), in order of the ranks and with their gradients:
    for losses that are no mean over items, such as a covariance over the batch. They then come out the same for any
    number of ranks. Every rank calls it equally often, in the same order. With ``accumulate`` the rows are those of one
    micro-batch.

    ``add_up`` gives the sums over all ranks of numbers that each has of its rows, any shape, in one message and without
    gradients: for moments of the global batch.
    """

    number: int = 0
    of: int = 1
    together: Callable[[Tensor], Tensor] = alone
    add_up: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]] = own_sums


@dataclass(frozen=True)
class Player:
    """Parameters that one optimiser moves, and the loss that they go down.

    ``name`` is its key in ``training.optimizers``, in a checkpoint and in telemetry. ``module`` holds its parameters:
    no other player has them. ``loss(model, batch, step)`` is a scalar, the mean over the batch's items, where ``model``
    is the whole one. ``undecayed`` are those of its parameters that weight decay leaves alone.
    """

    name: str
    module: nn.Module
    loss: Callable[[nn.Module, Batch, Step], Tensor]
    undecayed: Sequence[nn.Parameter] = ()


class Quality(ABC):
    """Accumulates one rank's share of an evaluation as sums that add up over ranks, and says which rows to keep where
    metrics need all samples at once.
    """

    differentiates = False
    """Whether ``update`` takes derivatives of the model: gradients are on for it, else off."""

    @abstractmethod
    def update(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor] | None:
        """Add the samples of a batch; the model is in evaluation mode. Where metrics need all samples at once, return
        what is to be kept of each, (n, …) by name: it is copied, for a batch's memory is used again.
        """

    @property
    @abstractmethod
    def counts(self) -> npt.NDArray[np.float64]:
        """The sums so far, (K,): summed element by element over all ranks they give the whole set's."""

    @abstractmethod
    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """The metrics by name, from the sums over the whole evaluation set and the rows of all its samples, in the
        order of the set. Rank 0 alone is asked, and its answer is everybody's.
        """

    def measure(self, counts: npt.NDArray[np.float64], rows: Arrays, alive: Callable[[], None]) -> dict[str, float]:
        """What an evaluation asks for: the metrics of ``compute``. Where these may take long, it calls ``alive`` every
        few seconds: a run that shows no progress is ended as hung.
        """
        return self.compute(counts, rows)

    def conclude(self, counts: npt.NDArray[np.float64], rows: Arrays, alive: Callable[[], None]) -> dict[str, float]:
        """All metrics when a run is done: those of ``measure``, and of a task that ``concludes`` others that take too
        long for every evaluation. It calls ``alive`` in the same way.
        """
        return self.measure(counts, rows, alive)


class Task(ABC):
    """A benchmark's model, its data, and the measurement of its quality."""

    leaves_parameters_out = False
    """Whether a loss may leave out parameters of its player: one of derivatives alone leaves out the last bias."""
    twice_differentiable = False
    """Whether a loss differentiates the model, which our kernels and torch.compile cannot do twice."""
    concludes = False
    """Whether its qualities have metrics that are computed only when a run is done."""
    seed = 0
    """The run's, for what a task draws by itself; the same on every rank."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """``settings`` is the resolved benchmark configuration, ``folder`` the data set's."""
        self.settings = settings
        self.folder = folder
        self.history: list[tuple[float, dict[str, float]]] = []
        """Each evaluation of this training so far, for pictures: seconds from its start, and all metrics."""

    @property
    @abstractmethod
    def training_set(self) -> SampleSet:
        """The samples to train on."""

    @property
    @abstractmethod
    def evaluation_set(self) -> SampleSet:
        """What quality is measured on: always the whole of it."""

    @property
    def evaluation_sets(self) -> Mapping[str, SampleSet]:
        """All sets that quality is measured on, by name: ``evaluation_set`` as "", unless a task has more.

        The metrics of the set "x4" are called "x4/psnr" and so on; those of "" have their own names.
        """
        return {"": self.evaluation_set}

    @abstractmethod
    def build_model(self) -> nn.Module:
        """A freshly initialised model, drawn from torch's current random state."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Mean loss over the batch's items, a scalar. ``model`` may be called and differentiated at will."""

    def players(self, model: nn.Module) -> Sequence[Player]:
        """Who moves in a step, in turn and on the same batch, while the others' parameters are held still.

        One for the whole model and ``loss``, unless a task has several (a generator and a discriminator). Parameters
        that belong to nobody never move.
        """
        return [Player("model", model, self.loss)]

    @abstractmethod
    def new_quality(self) -> Quality:
        """An empty accumulator for one evaluation."""

    def quality_of(self, evaluation_set: str) -> Quality:
        """The same for the evaluation set of that name: ``new_quality``, unless sets are judged in different ways."""
        return self.new_quality()

    @property
    def predicted(self) -> tuple[str, float, str] | None:
        """What ``predict`` makes of a sample, for throughput: a unit, how many of it, and what that is in words, such
        as "a text of 32 tokens"; None: samples are counted.
        """
        return None

    def computing(self, model: nn.Module) -> int | None:
        """N of "6 N operations an item of training": parameters that each item is multiplied with; None: not said."""
        return None

    @abstractmethod
    def predict(self, model: nn.Module, batch: Batch) -> Tensor | dict[str, Tensor]:
        """What a scientist wants of a batch, (n, …): a denoised image, a cloud's probability, classes' probabilities;
        or several such by name.

        The model is in evaluation mode and gradients are off. Targets are not looked at: the batch may hold none.
        """

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:  # noqa: B027
        """Write a PNG of a few evaluation samples: inputs, truths and predictions. The model is in evaluation mode.

        Nothing is drawn unless a task does. Runs on one rank alone, so it may not communicate. Matplotlib is imported
        inside, without a display.
        """


def to_device(arrays: Arrays, device: torch.device) -> Batch:
    """The arrays of a batch as tensors on ``device``; on the CPU they share memory with the arrays."""
    return {
        name: torch.from_numpy(array).to(device, non_blocking=device.type != "cpu") for name, array in arrays.items()
    }
