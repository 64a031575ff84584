"""What all methods of disentanglement share: their data, their quality, and what they answer."""

from __future__ import annotations

import functools
from abc import abstractmethod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from orchestrator.records.settings import Settings
from workloads.disentanglement.datasets.base import FactorsDescription
from workloads.disentanglement.quality import CodesQuality
from workloads.disentanglement.samples import WithNoise
from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of
from workloads.runtime.task import Batch, Quality, SampleSet, Task, to_device

FIELDS = ("image", "factors")
DRAWN_OF = 2048
"""Most images that a picture's ranges of codes, and what they tell, are taken from."""


class DisentanglementTask(Task):
    """Images (n, c, h, w) to codes (n, d), and codes to images. Factors are for quality alone."""

    concludes = True

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder)
        self.options = settings["model"]

    @functools.cached_property
    def latent(self) -> int:
        """Codes of an image."""
        if self.options["latent"] is not None:
            return int(self.options["latent"])
        return len(read_description_of(self.folder, FactorsDescription)["factor_names"])

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
        return CodesQuality(self, bool(self.options["forests"]))

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
        """What codes are of images, of some of the evaluation set: see pictures.py."""
        from workloads.disentanglement.pictures import PICTURED, Views, draw_codes, traversals_of
        from workloads.disentanglement.scores import measure_information

        count = len(self.evaluation_set)
        chosen = np.linspace(0, count - 1, min(count, DRAWN_OF)).round().astype(np.int64)
        size = int(self.settings["training"]["evaluation_batch_size"])
        codes, factors = [], []
        with torch.inference_mode():
            for start in range(0, len(chosen), size):
                batch = to_device(self.evaluation_set.read(chosen[start : start + size]), device)
                codes.append(self.encode(model, self.to_images(batch)).cpu().numpy())
                factors.append(batch["factors"].cpu().numpy())
            known = np.concatenate(codes)
            shown = chosen[np.linspace(0, len(chosen) - 1, PICTURED).round().astype(np.int64)]
            images = self.to_images(to_device(self.evaluation_set.read(shown), device))
            made = self.decode(model, self.encode(model, images))
            moved = traversals_of(known, known[len(known) // 2])
            travelled = self.decode(model, torch.from_numpy(moved).to(device).flatten(0, 1))
        draw_codes(
            path,
            Views(
                images=images.cpu().numpy(),
                reconstructions=made.cpu().numpy(),
                traversals=travelled.unflatten(0, moved.shape[:2]).cpu().numpy(),
                mutual=measure_information(known, np.concatenate(factors)).mutual,
                factors=read_description_of(self.folder, FactorsDescription)["factor_names"],
                history=self.history,
            ),
        )
