"""What the methods of surrogates share whose data are pairs: their data, their quality, and what they answer."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of
from workloads.runtime.task import Batch, Quality, SampleSet, Step, Task, to_device
from workloads.surrogates import scores
from workloads.surrogates.datasets.pairs import PairsDescription
from workloads.surrogates.networks import RollOut, Surrogate
from workloads.surrogates.quality import FieldQuality, ValueQuality


class FieldTask(Task):
    """Fields (n, c, *points) to fields (n, d, *points); or numbers (n, k) to fields, or to one number (n, 1)."""

    any_grid = True
    """Whether the network takes grids that it was not trained on."""

    @functools.cached_property
    def description(self) -> PairsDescription:
        """What is known of the fields."""
        return read_description_of(self.folder, PairsDescription)

    @property
    def points(self) -> tuple[int, ...]:
        """Points along each axis of what is trained on; none of a number."""
        return tuple(self.description["target_shape"][1:])

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """The samples to train on."""
        return ConsolidatedSet(self.folder, "training", ("input", "target"))

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """The samples that quality is measured on, on the grid that is trained on."""
        return ConsolidatedSet(self.folder, "evaluation", ("input", "target"))

    @functools.cached_property
    def evaluation_sets(self) -> Mapping[str, SampleSet]:
        """The grid that is trained on as "", and others as "n31" and so on."""
        others = self.settings["dataset"]["evaluation_grids"] if self.any_grid else []
        names = {f"n{points}": (f"input_{points}", f"target_{points}") for points in others if points != self.points[0]}
        sets = {name: ConsolidatedSet(self.folder, "evaluation", fields) for name, fields in names.items()}
        return {"": self.evaluation_set, **sets}

    @abstractmethod
    def network(self, inputs: int, outputs: int) -> nn.Module:
        """The method's network, from ``inputs`` channels to ``outputs``, both standardised."""

    def build_model(self) -> nn.Module:
        """The network in the stored unit; step by step where there is time."""
        facts = self.description
        inputs, outputs, rolls = facts["input_shape"][0], facts["target_shape"][0], facts["rolls"]
        network = RollOut(self.network(inputs, 1), rolls) if rolls else self.network(inputs, outputs)
        return Surrogate(network, facts["means"], facts["deviations"])

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Mean over samples of each one's relative error; of numbers the squared error, in their deviation's unit."""
        made, truth = model(batch["input"]).float(), batch["target"]
        if not self.points:
            error: Tensor = (made - truth) / self.description["deviations"][1]
            return error.square().mean()
        if self.settings["model"]["loss"] == "h1":
            facts = self.description
            return scores.relative_h1(made, truth, facts["periodic"], facts["both_ends"]).mean()
        return scores.relative_l2(made, truth).mean()

    def new_quality(self) -> Quality:
        """On the grid that is trained on."""
        return self.quality_of("")

    def quality_of(self, evaluation_set: str) -> Quality:
        """On the grid of an evaluation set."""
        if not self.points:
            return ValueQuality(self.made_of)
        return FieldQuality(self.made_of, f"_{evaluation_set[1:]}" if evaluation_set else "", self.description)

    def made_of(self, model: nn.Module, inputs: Tensor) -> Tensor:
        """Fields of inputs, float32."""
        made: Tensor = model(inputs)
        return made.float()

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """The target's fields (n, d, *points), in the stored unit."""
        return self.made_of(model, batch["input"])

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """A few samples of the evaluation set: inputs, truths, what was made of them, errors, spectra; or many numbers
        beside true ones.
        """
        from workloads.surrogates.pictures import MARKED, PICTURED, Views, draw_fields, draw_values

        last = len(self.evaluation_set) - 1
        chosen = np.unique(np.linspace(0, last, PICTURED if self.points else MARKED).round().astype(np.int64))
        batch = to_device(self.evaluation_set.read(chosen), device)
        with torch.inference_mode():
            made = self.predict(model, batch).cpu()
        facts, truth = self.description, batch["target"].cpu()
        if self.points:
            draw_fields(path, Views(batch["input"].cpu(), made, truth), facts)
        else:
            values = truth[:, 0].numpy()
            draw_values(path, made[:, 0].numpy(), values, f"{facts['set']} ({facts['made']})", ("true value", values))
