"""A task that takes a millisecond a step and writes down what each rank trains on, for tests that count samples.

It learns stemdl's small data with a network that has all that a checkpoint could forget: batch statistics of its own,
random numbers (dropout), an optimiser's momenta. Rank by rank it appends to $RECORD_TO/RANK-PROCESS.txt the numbers of
the samples of each micro-batch; what a loader has read ahead and nobody trained on is not in it.
"""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.entry import expected_rank
from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.runtime.task import Arrays, Batch, Quality, SampleSet, Step, Task
from workloads.stemdl.quality import SpaceGroupQuality


class Numbered(SampleSet):
    """Samples that come with their numbers."""

    def __init__(self, samples: SampleSet) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, indices: Any, out: Arrays | None = None) -> Arrays:
        """The samples, and their numbers as "number"."""
        inner = None if out is None else {name: array for name, array in out.items() if name != "number"}
        return {**self.samples.read(indices, inner), "number": np.array(indices, np.int64)}


class Scaled(nn.Module):
    """Bytes as numbers from 0 to 1."""

    def forward(self, images: Tensor) -> Tensor:
        """The same, scaled."""
        return images.float() / 255


class RecordingTask(Task):
    """Space groups from coarse images."""

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """What is trained on."""
        return Numbered(ConsolidatedSet(self.folder, "training", ("input", "target")))

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """What quality is measured on."""
        return ConsolidatedSet(self.folder, "evaluation", ("input", "target"))

    def build_model(self) -> nn.Module:
        """Some hundred parameters."""
        return nn.Sequential(
            Scaled(), nn.AvgPool2d(32), nn.Flatten(), nn.BatchNorm1d(48), nn.Dropout(0.2), nn.Linear(48, 16), nn.ReLU(),
            nn.BatchNorm1d(16), nn.Linear(16, 231),
        )  # fmt: skip

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Cross-entropy, after $STEP_SECONDS of rest, and a line in the record."""
        time.sleep(float(os.environ.get("STEP_SECONDS", 0)))
        if "RECORD_TO" in os.environ:
            line = " ".join(map(str, batch["number"].tolist()))
            with (Path(os.environ["RECORD_TO"]) / f"{expected_rank()}-{os.getpid()}.txt").open("a") as file:
                file.write(line + "\n")
        return functional.cross_entropy(model(batch["input"]), batch["target"])

    def new_quality(self) -> Quality:
        """Correct out of all."""
        return SpaceGroupQuality()

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """Probabilities."""
        scores: Tensor = model(batch["input"])
        return scores.softmax(dim=1)

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """Nothing."""
