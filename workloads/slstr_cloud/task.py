"""slstr_cloud as the training loop sees it: cloud or clear, pixel by pixel."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from orchestrator.records.settings import Settings
from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.runtime.task import Batch, Quality, SampleSet, Step, Task, to_device
from workloads.slstr_cloud.geometry import Geometry
from workloads.slstr_cloud.inference import scene_logits
from workloads.slstr_cloud.model import CloudNet
from workloads.slstr_cloud.pictures import PICTURED, draw_scenes
from workloads.slstr_cloud.quality import CloudQuality


class SlstrCloudTask(Task):
    """Patches of six reflectances and three temperatures to a cloud mask; evaluated on whole scenes."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder)
        self._geometry = Geometry.of(settings["dataset"])

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """Patches."""
        return ConsolidatedSet(self.folder, "training")

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """Whole scenes."""
        return ConsolidatedSet(self.folder, "evaluation")

    def build_model(self) -> nn.Module:
        """The U-Net, as the benchmark's ``model`` settings say: width, merge_enlargement."""
        chosen = self.settings["model"]
        return CloudNet(chosen["width"], chosen["merge_enlargement"])

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Mean binary cross-entropy of the pixels, from logits.

        ``model.cloud_weight`` multiplies the loss of cloudy pixels and ``model.rim`` leaves out so many pixels at a
        patch's edges (0.5 and 15 in stfc-sciml/e2e; 1 and 0 in MLCommons Science).
        """
        rim, weight = int(self.settings["model"]["rim"]), float(self.settings["model"]["cloud_weight"])
        inner = (slice(None), slice(rim, -rim or None), slice(rim, -rim or None))
        logits, truth = model(batch["input"])[inner].float(), batch["target"][inner].float()
        weights = None if weight == 1 else logits.new_full((), weight)
        return functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=weights)

    def new_quality(self) -> Quality:
        """Empty counts."""
        return CloudQuality(self._geometry)

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """Probability of cloud (n, height, width) in whole scenes."""
        logits = [scene_logits(model, scene, self._geometry) for scene in batch["input"]]
        return torch.stack(logits).float().sigmoid()

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """A few scenes: what the satellite saw, the label, the predicted probability, and where they differ."""
        last = len(self.evaluation_set) - 1
        chosen = np.unique(np.linspace(0, last, PICTURED).round().astype(np.int64))
        samples = self.evaluation_set.read(chosen)
        with torch.inference_mode():
            probabilities = self.predict(model, to_device(samples, device)).cpu().numpy()
        draw_scenes(path, samples["input"], samples["target"], probabilities)
