"""em_denoise as the training loop sees it: noisy micrographs to clean ones."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.em_denoise.dataset import EmDenoiseDescription
from workloads.em_denoise.model import Denoiser
from workloads.em_denoise.quality import DenoisingQuality
from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of
from workloads.runtime.task import Batch, Quality, SampleSet, Step, Task, to_device


class EmDenoiseTask(Task):
    """Images (n, 1, h, w) to images, by the mean squared error against the clean ones."""

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """The samples to train on."""
        return ConsolidatedSet(self.folder, "training", ("input", "target"))

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """The samples to measure quality on."""
        return ConsolidatedSet(self.folder, "evaluation", ("input", "target"))

    @functools.cached_property
    def data_range(self) -> float:
        """The range of a clean image's values, for PSNR and SSIM."""
        return float(read_description_of(self.folder, EmDenoiseDescription)["data_range"])

    def build_model(self) -> nn.Module:
        """The published U-Net."""
        return Denoiser()

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Mean squared error over all pixels."""
        return functional.mse_loss(model(batch["input"]).float(), batch["target"])

    def new_quality(self) -> Quality:
        """No images yet."""
        return DenoisingQuality(self.data_range)

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """Denoised images (n, 1, h, w)."""
        images: Tensor = model(batch["input"])
        return images.float()

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """A few images of the evaluation set: noisy, denoised, clean, and what is left of the error."""
        from workloads.em_denoise.pictures import PICTURED, draw_images

        chosen = np.linspace(0, len(self.evaluation_set) - 1, PICTURED).round().astype(np.int64)
        samples = self.evaluation_set.read(chosen)
        with torch.inference_mode():
            denoised = self.predict(model, to_device(samples, device)).cpu().numpy()
        draw_images(path, samples["input"], denoised, samples["target"], self.data_range)
