"""stemdl as the training loop sees it: classify diffraction stacks into space groups."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.runtime.task import Batch, Quality, SampleSet, Step, Task, to_device
from workloads.stemdl.model import ResNet
from workloads.stemdl.pictures import PICTURED, draw_stacks
from workloads.stemdl.quality import SpaceGroupQuality

FIELDS = ("input", "target")
"""What is read of a sample."""
INPUT_MEAN = 0.14
INPUT_DEVIATION = 0.16
"""Mean and standard deviation of the images as parts of 255: about those of the small stand-in set."""


class Normalised(nn.Module):
    """A network that takes log-scaled images, 0 to 255, as they are stored."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Scores (n, 231) of images (n, 3, 128, 128)."""
        scores: Tensor = self.network((images - 255 * INPUT_MEAN) / (255 * INPUT_DEVIATION))
        return scores


class StemdlTask(Task):
    """Three convergent-beam patterns of a crystal to one of 230 space groups, by cross-entropy."""

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """The samples to train on."""
        return ConsolidatedSet(self.folder, "training", FIELDS)

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """The samples to measure quality on."""
        return ConsolidatedSet(self.folder, "evaluation", FIELDS)

    def build_model(self) -> nn.Module:
        """A ResNet as the benchmark's ``model`` settings say: depth, width, zero_last_gamma."""
        chosen = self.settings["model"]
        return Normalised(ResNet(chosen["depth"], chosen["width"], chosen.get("zero_last_gamma", False)))

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Mean cross-entropy of the batch."""
        return functional.cross_entropy(model(batch["input"]).float(), batch["target"])

    def new_quality(self) -> Quality:
        """An empty confusion matrix."""
        return SpaceGroupQuality()

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """Probability of every space group (n, 231)."""
        scores: Tensor = model(batch["input"])
        return scores.float().softmax(dim=1)

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """A few stacks of the evaluation set, each under its true and its predicted space group."""
        chosen = np.linspace(0, len(self.evaluation_set) - 1, PICTURED).round().astype(np.int64)
        samples = self.evaluation_set.read(chosen)
        with torch.inference_mode():
            probabilities = self.predict(model, to_device(samples, device)).cpu().numpy()
        draw_stacks(path, samples["input"], samples["target"], probabilities)
