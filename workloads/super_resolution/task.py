"""What all methods of super_resolution share: their data, their quality, and what they answer."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from orchestrator.records.settings import Settings
from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of
from workloads.runtime.task import Batch, Quality, SampleSet, Step, Task, to_device
from workloads.super_resolution.datasets.base import FieldsDescription
from workloads.super_resolution.networks import Enlarger, interpolate
from workloads.super_resolution.quality import ResolutionQuality
from workloads.super_resolution.samples import Oriented
from workloads.super_resolution.scores import valid_mean

INPUT = "input"


class SuperResolutionTask(Task):
    """Coarse images (n, 1, h, w) to fine ones (n, 1, s h, s w)."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder)
        self.options = settings["model"]

    @property
    def scale(self) -> int:
        """How many times finer along each axis."""
        return int(self.settings["dataset"]["scale"])

    @property
    def frame(self) -> dict[str, bool]:
        """What a network stands in, see networks.Framed."""
        return {name: bool(self.options[name]) for name in ("standardise", "residual")}

    @functools.cached_property
    def description(self) -> FieldsDescription:
        """What is known of the fields."""
        return read_description_of(self.folder, FieldsDescription)

    def samples(self, part: str, coarse: str) -> SampleSet:
        """A part's fine images with coarse ones."""
        return ConsolidatedSet(self.folder, part, (coarse, "target", *(["mask"] if self.description["masked"] else ())))

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """The samples to train on."""
        samples = self.samples("training", INPUT)
        return Oriented(samples, self.seed) if self.options.get("oriented") else samples

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """The samples to measure quality on."""
        return self.samples("evaluation", INPUT)

    @functools.cached_property
    def evaluation_sets(self) -> Mapping[str, SampleSet]:
        """The scale that is trained on as "", and others as "x2" and so on."""
        others = [f"x{scale}" for scale in self.settings["dataset"]["evaluation_scales"] if scale != self.scale]
        return {"": self.evaluation_set, **{name: self.samples("evaluation", name) for name in others}}

    def network(self, model: nn.Module) -> Enlarger:
        """What enlarges images."""
        return cast(Enlarger, model)

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Mean squared error over the cells that have a value."""
        return valid_mean((model(batch[INPUT]) - batch["target"]).square(), batch.get("mask"))

    def new_quality(self) -> Quality:
        """No images yet."""
        return ResolutionQuality(INPUT, self.scale, lambda model, coarse: cast(Tensor, self.network(model)(coarse)))

    def quality_of(self, evaluation_set: str) -> Quality:
        """The same at that set's scale."""
        if not evaluation_set:
            return self.new_quality()
        scale = int(evaluation_set[1:])
        return ResolutionQuality(
            evaluation_set, scale, lambda model, coarse: self.network(model).to_scale(coarse, scale)
        )

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """Fine images (n, 1, s h, s w), in the stored unit."""
        images: Tensor = self.network(model)(batch[INPUT])
        return images.float()

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """A few images of the evaluation set: coarse, bicubic, made and fine ones, errors and spectra."""
        from workloads.super_resolution.pictures import PICTURED, Views, draw_images

        chosen = np.linspace(0, len(self.evaluation_set) - 1, PICTURED).round().astype(np.int64)
        batch = to_device(self.evaluation_set.read(chosen), device)
        with torch.inference_mode():
            made = self.predict(model, batch).cpu()
        coarse, fine = batch[INPUT].cpu(), batch["target"].cpu()
        mask = batch["mask"].cpu() if "mask" in batch else torch.ones_like(fine)
        draw_images(path, Views(coarse, interpolate(coarse, self.scale, "bicubic"), made, fine, mask), self.description)
