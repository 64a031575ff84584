"""schnet: atoms that learn of each other through filters of their distances (Schuett et al. 2018,
doi:10.1063/1.5019779), as sciml-bench's hydronet has it.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of
from workloads.runtime.task import Arrays, Batch, Quality, SampleSet, Step, Task, to_device
from workloads.surrogates.datasets.molecules import MoleculesDescription
from workloads.surrogates.networks import wide_type

FIELDS = ("pos", "z", "size", "energy")
MOST_ELEMENTS = 100
SHIFT = math.log(2.0)


def shifted_softplus(values: Tensor) -> Tensor:
    """Softplus that is 0 at 0."""
    return functional.softplus(values) - SHIFT


class Interaction(nn.Module):
    """What an atom learns from its neighbours: their features, times a filter of the distance, summed."""

    def __init__(self, width: int, gaussians: int) -> None:
        super().__init__()
        self.filters = nn.ModuleList((nn.Linear(gaussians, width), nn.Linear(width, width)))
        self.before = nn.Linear(width, width, bias=False)
        self.behind = nn.ModuleList((nn.Linear(width, width), nn.Linear(width, width)))

    def forward(self, features: Tensor, gaussians: Tensor, weights: Tensor) -> Tensor:
        """Features (n, a, w), of pairs' gaussians (n, a, a, g) and weights (n, a, a, 1), 0 where there is no pair."""
        filters = self.filters[1](shifted_softplus(self.filters[0](gaussians))) * weights
        learned = torch.einsum("nabw,nbw->naw", filters, self.before(features))
        made: Tensor = self.behind[1](shifted_softplus(self.behind[0](learned)))
        return made


class SchnetNetwork(nn.Module):
    """The energy of molecules: a mean and a deviation for each atom, times what its surroundings say."""

    def __init__(
        self, width: int, interactions: int, gaussians: int, cutoff: float, mean: float, deviation: float
    ) -> None:
        super().__init__()
        self.cutoff, self.mean, self.deviation = cutoff, mean, deviation
        self.embedding = nn.Embedding(MOST_ELEMENTS, width, padding_idx=0)
        self.interactions = nn.ModuleList(Interaction(width, gaussians) for _ in range(interactions))
        self.out = nn.ModuleList((nn.Linear(width, width // 2), nn.Linear(width // 2, 1)))
        self.gaussians = gaussians

    def forward(self, positions: Tensor, numbers: Tensor) -> Tensor:
        """Energies (n,) of positions (n, a, 3) and atomic numbers (n, a), 0 where there is no atom."""
        there = numbers > 0
        pairs = there[:, :, None] & there[:, None]
        pairs = pairs & ~torch.eye(numbers.shape[1], dtype=torch.bool, device=numbers.device)
        apart = positions[:, :, None] - positions[:, None]
        # No slope at a distance of 0: what is no pair has another one.
        distances = torch.where(pairs[..., None], apart, torch.ones_like(apart)).square().sum(-1).sqrt()
        smooth = 0.5 * (torch.cos(distances * (torch.pi / self.cutoff)) + 1)
        weights = (smooth * (pairs & (distances < self.cutoff)))[..., None]
        centres = torch.linspace(0.0, self.cutoff, self.gaussians, device=positions.device)
        spacing = self.cutoff / (self.gaussians - 1)
        gaussians = torch.exp(-0.5 / spacing**2 * (distances[..., None] - centres).square())
        features: Tensor = self.embedding(numbers)
        for interaction in self.interactions:
            features = features + interaction(features, gaussians, weights)
        each = self.out[1](shifted_softplus(self.out[0](features)))[..., 0]
        energies: Tensor = ((each.to(wide_type(each)) * self.deviation + self.mean) * there).sum(1)
        return energies


class Molecules(SampleSet):
    """Molecules of unequal size, which count by their atoms."""

    unit = "atoms"

    def __init__(self, folder: Path, part: str) -> None:
        self.samples = ConsolidatedSet(folder, part, FIELDS)
        self.sizes: npt.NDArray[np.int64] = ConsolidatedSet(folder, part, ("size",)).read(np.arange(len(self)))["size"]

    def __len__(self) -> int:
        return len(self.samples)

    def items(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The molecules' atoms."""
        return self.sizes[indices]

    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """The molecules."""
        return self.samples.read(indices, out)


class EnergyQuality(Quality):
    """Errors of energies as rows: in the set's order, so that sums are the same for any number of ranks."""

    def update(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Keep the errors, the truths and the sizes."""
        error = model(batch["pos"], batch["z"]).double() - batch["energy"].double()
        return {"energies": torch.stack((error, batch["energy"].double(), batch["size"].double()), 1)}

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Nothing: all is kept as rows."""
        return np.zeros(0)

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """Mean absolute and root mean square errors, of molecules and of an atom; the share of the variance that is
        explained; the largest error.
        """
        error, truth, size = rows["energies"].T
        variance = float(np.square(truth - truth.mean()).mean())
        return {
            "mae_per_atom": float(np.abs(error / size).mean()),
            "mae": float(np.abs(error).mean()),
            "rmse": float(np.sqrt(np.square(error).mean())),
            "r2": 1 - float(np.square(error).mean()) / max(variance, 1e-30),
            "maximum": float(np.abs(error).max()),
        }


class Schnet(Task):
    """Molecules to energies, by the squared error of an atom's energy; a molecule counts by its atoms."""

    @functools.cached_property
    def description(self) -> MoleculesDescription:
        """What is known of the molecules."""
        return read_description_of(self.folder, MoleculesDescription)

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """The molecules to train on."""
        return Molecules(self.folder, "training")

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """The molecules that quality is measured on."""
        return Molecules(self.folder, "evaluation")

    def build_model(self) -> nn.Module:
        """By the ``model`` settings."""
        options, facts = self.settings["model"], self.description
        return SchnetNetwork(
            int(options["width"]), int(options["interactions"]), int(options["gaussians"]), float(options["cutoff"]),
            facts["energy_mean"], facts["energy_deviation"],
        )  # fmt: skip

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Mean over atoms of the squared error of each one's share in its molecule's energy, in units of the deviation
        over the training part.
        """
        size, deviation = batch["size"], self.description["energy_deviation"]
        error: Tensor = (model(batch["pos"], batch["z"]).float() - batch["energy"]) / (size * deviation)
        mean: Tensor = (size * error.square()).sum() / size.sum()
        return mean

    def new_quality(self) -> Quality:
        """No molecule yet."""
        return EnergyQuality()

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """Energies (n,), in the stored unit."""
        energies: Tensor = model(batch["pos"], batch["z"])
        return energies.float()

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """Energies found against true ones, and errors by size."""
        from workloads.surrogates.pictures import MARKED, draw_values

        batch = to_device(self.evaluation_set.read(np.arange(min(len(self.evaluation_set), MARKED))), device)
        with torch.inference_mode():
            made = self.predict(model, batch).cpu().numpy()
        title = f"molecules ({self.description['made']}), energies in kcal/mol"
        draw_values(path, made, batch["energy"].cpu().numpy(), title, ("atoms", batch["size"].cpu().numpy()))
