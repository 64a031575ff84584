"""What all methods of rotations share: their data, their quality, their picture, and the network that sees a disc."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.rotations.datasets.base import ImagesDescription
from workloads.rotations.groups import Group, GroupNetwork
from workloads.rotations.quality import TurnedQuality, answers_around, to_images
from workloads.rotations.turning import see_disc
from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of
from workloads.runtime.task import Batch, Quality, SampleSet, Step, Task, to_device

FIELDS = ("image", "label")
SHOWN = 4
"""Images of a picture."""
MEASURED = 1000
"""Training images that statistics are taken of."""
JUDGED = 100
"""Images that its accuracies are of where no evaluation came before."""


class Disc(nn.Module):
    """A network that sees of every image the disc alone that stays in it however it is turned."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Scores (n, classes) of images (n, c, h, w) in [0, 1]."""
        scores: Tensor = self.network(see_disc(images))
        return scores


class RotationsTask(Task):
    """Images (n, c, h, w) to classes, by cross-entropy. This is a plain network that trains on images as they are."""

    group = "C1"

    @functools.cached_property
    def images(self) -> SampleSet:
        """The images to train on."""
        return ConsolidatedSet(self.folder, "training", FIELDS)

    @property
    def training_set(self) -> SampleSet:
        """The samples to train on."""
        return self.images

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """The images that quality is measured on, at all angles."""
        return ConsolidatedSet(self.folder, "evaluation", FIELDS)

    @functools.cached_property
    def description(self) -> ImagesDescription:
        """What is known of the images."""
        return read_description_of(self.folder, ImagesDescription)

    @property
    def classes(self) -> list[str]:
        """What each class is of."""
        return self.description["classes"]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images."""
        channels, height, width = self.description["shape"]
        return channels, height, width

    def some_images(self) -> tuple[Tensor, Tensor]:
        """Some of the training images (n, c, h, w) as a network sees them, and their classes (n,): the same on every
        rank.
        """
        count = len(self.images)
        chosen = np.linspace(0, count - 1, min(count, MEASURED)).round().astype(np.int64)
        some = to_device(self.images.read(chosen), torch.device("cpu"))
        return see_disc(to_images(some)), some["label"]

    def build_network(self) -> nn.Module:
        """The network of the benchmark's ``model`` settings."""
        options = self.settings["model"]
        return GroupNetwork(
            Group.named(self.group), options["fields"], options["kernels"], options["halved_after"], len(self.classes),
            self.shape[0],
        )  # fmt: skip

    def build_model(self) -> nn.Module:
        """The network behind its disc."""
        return Disc(self.build_network())

    def training_images(self, batch: Batch) -> Tensor:
        """The images (n, c, h, w) that a step trains on."""
        return to_images(batch)

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Mean cross-entropy of the batch."""
        return functional.cross_entropy(model(self.training_images(batch)).float(), batch["label"])

    def new_quality(self) -> Quality:
        """No image yet."""
        return TurnedQuality(len(self.classes))

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """Probability of every class (n, classes)."""
        scores: Tensor = model(to_images(batch))
        return scores.float().softmax(1)

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """Accuracy by angle, and a few images with the answers around them: see pictures.py."""
        from workloads.rotations.pictures import View, draw_circle

        count = len(self.evaluation_set)
        with torch.inference_mode():
            if self.history:
                _, metrics = self.history[-1]
            else:
                # Inference keeps none: some images, as the whole set takes as long as evaluating it did.
                quality = TurnedQuality(len(self.classes))
                some = np.linspace(0, count - 1, min(count, JUDGED)).round().astype(np.int64)
                quality.update(model, to_device(self.evaluation_set.read(some), device))
                metrics = quality.compute(quality.counts, {})
            chosen = np.linspace(0, count - 1, SHOWN).round().astype(np.int64)
            shown = to_device(self.evaluation_set.read(chosen), device)
            answers = answers_around(model, to_images(shown)).cpu().numpy()
        view = View(
            metrics=metrics,
            images=see_disc(to_images(shown)).cpu().numpy(),
            labels=shown["label"].cpu().numpy(),
            answers=answers,
            classes=self.classes,
        )
        draw_circle(path, view)
