"""dms_scatter as the training loop sees it: tell monoclinic from tetragonal lattices by their scattering lines."""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.dms_scatter.dataset import FIELDS, DmsScatterDescription
from workloads.dms_scatter.model import DmsNet
from workloads.dms_scatter.quality import PhaseQuality
from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of
from workloads.runtime.task import Batch, Quality, SampleSet, Step, Task


class DmsScatterTask(Task):
    """A pattern of diffuse multiple scattering to one of two phases, by cross-entropy."""

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """The samples to train on."""
        return ConsolidatedSet(self.folder, "training", tuple(FIELDS))

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """The samples to measure quality on."""
        return ConsolidatedSet(self.folder, "evaluation", tuple(FIELDS))

    def build_model(self) -> nn.Module:
        """The network as the benchmark's ``model`` settings say, for pixels as bright as the training part's."""
        chosen, pixels = self.settings["model"], read_description_of(self.folder, DmsScatterDescription)["pixels"]
        return DmsNet(chosen["widths"], chosen["dropout"], chosen["binning"], pixels["mean"], pixels["deviation"])

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Mean cross-entropy of the batch.

        The published loss, the binary cross-entropy of both softmax outputs against the one-hot label averaged over
        the two, is the same number: with p and 1 - p both terms are -log of the true class's probability.
        """
        return functional.cross_entropy(model(batch["input"]).float(), batch["target"])

    def new_quality(self) -> Quality:
        """An empty confusion matrix."""
        return PhaseQuality()

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """Probabilities (n, 2) of the monoclinic and the tetragonal phase."""
        return functional.softmax(model(batch["input"]).float(), dim=1)

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """Write a PNG of some evaluation patterns with their true and predicted phases."""
        from workloads.dms_scatter.pictures import chosen_samples, draw_patterns

        arrays = self.evaluation_set.read(chosen_samples(self.evaluation_set))
        with torch.inference_mode():
            probabilities = self.predict(model, {"input": torch.from_numpy(arrays["input"]).to(device)})
        draw_patterns(arrays["input"], arrays["target"], probabilities.cpu().numpy(), path)
