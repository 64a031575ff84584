"""What all methods of disentanglement share: their data, their quality, and what they answer."""

from __future__ import annotations

import functools
from abc import abstractmethod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from orchestrator.records.settings import Settings
from workloads.disentanglement.quality import CodesQuality
from workloads.disentanglement.samples import WithNoise
from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.runtime.task import Batch, Quality, SampleSet, Task, to_device

FIELDS = ("image", "factors")


class DisentanglementTask(Task):
    """Images (n, c, h, w) to codes (n, d), and codes to images. Factors are for quality alone."""

    concludes = True

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder)
        self.options = settings["model"]
        self.latent = int(self.options["latent"])

    @functools.cached_property
    def images(self) -> SampleSet:
        """All images."""
        return ConsolidatedSet(self.folder, "training", ("image",))

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """All images, with the random numbers that each step needs of them."""
        return WithNoise(self.images, self.noise_width, self.seed) if self.noise_width else self.images

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """The images that quality is measured on, with their factors."""
        return ConsolidatedSet(self.folder, "evaluation", FIELDS)

    @functools.cached_property
    def image_shape(self) -> tuple[int, ...]:
        """Channels, height and width."""
        return self.images.read(np.zeros(1, np.int64))["image"].shape[1:]

    @property
    @abstractmethod
    def noise_width(self) -> int:
        """Standard normal numbers that a training step needs of each image."""

    @abstractmethod
    def encode(self, model: nn.Module, images: Tensor) -> Tensor:
        """The codes (n, d) of images (n, c, h, w) in [0, 1]."""

    @abstractmethod
    def decode(self, model: nn.Module, codes: Tensor) -> Tensor:
        """The images (n, c, h, w) in [0, 1] that codes (n, d) stand for."""

    def to_images(self, batch: Batch) -> Tensor:
        """A batch's images (n, c, h, w) in [0, 1], of bytes or of numbers in that range."""
        images = batch["image"]
        return images.float() / 255 if images.dtype == torch.uint8 else images

    def new_quality(self) -> Quality:
        """No codes yet."""
        return CodesQuality(self)

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Codes of the images, images of the codes, or both, as ``model.predicts`` says; images alone are decoded of
        codes zero.
        """
        if self.options["predicts"] == "images":
            return {"images": self.decode(model, batch["image"].new_zeros(len(batch["image"]), self.latent).float())}
        codes = self.encode(model, self.to_images(batch))
        return {"codes": codes} if self.options["predicts"] == "codes" else {
            "codes": codes, "images": self.decode(model, codes)
        }  # fmt: skip

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """A few images of the evaluation set beside their reconstructions."""
        from workloads.disentanglement.pictures import PICTURED, draw_reconstructions

        chosen = np.linspace(0, len(self.evaluation_set) - 1, PICTURED).round().astype(np.int64)
        batch = to_device(self.evaluation_set.read(chosen), device)
        with torch.inference_mode():
            images = self.to_images(batch)
            made = self.decode(model, self.encode(model, images))
        draw_reconstructions(path, images.cpu().numpy(), made.cpu().numpy())
