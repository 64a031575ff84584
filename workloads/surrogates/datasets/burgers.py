"""burgers: the velocity of a gas on a circle after one second, from what it was (Li et al. 2021, arXiv:2010.08895)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workloads.runtime.publication.published import Published
from workloads.surrogates.datasets.base import FieldsDataset
from workloads.surrogates.datasets.pairs import Floats
from workloads.surrogates.datasets.variables import Variable, open_variable
from workloads.surrogates.solvers.burgers import Burgers, draw_initial

FILE = "burgers_data_R10.mat"
"""``a`` and ``u`` (2048, 8192): the velocity at the beginning and at the end."""
SECONDS = 1.0


class BurgersDataset(FieldsDataset):
    """Velocity to velocity, on a circle; its mean stays."""

    SET = "burgers"
    AXES = 1
    PERIODIC = True
    CONSERVES = True
    MADE_OF = (*FieldsDataset.MADE_OF, "viscosity", "time_step")
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "burgers_R10": Published(
            "surrogates/burgers_R10", None, f"{FILE}, of the FNO paper's data",
            page="github.com/neuraloperator/neuraloperator",
        ),
        "neuraloperator": Published(
            "surrogates/burgers_neuraloperator", 5_600_000,
            "burgers_train_16.pt and burgers_test_16.pt, of neuralop/data/datasets/data (MIT); viscosity 0.01",
            page="github.com/neuraloperator/neuraloperator",
        ),
    }  # fmt: skip

    @property
    def published_shapes(self) -> dict[str, tuple[int, ...]]:
        """Both velocities."""
        points = int(self.settings["solver_grid"])
        return {"a": (points,), "u": (points,)}

    def published_file(self, part: str) -> str:
        """One file has both parts."""
        return FILE

    def simulate(self, random: np.random.Generator, count: int) -> dict[str, NDArray[np.float64]]:
        """Draw velocities and let them go on."""
        points = int(self.settings["solver_grid"])
        solver = Burgers(points, float(self.settings["viscosity"]), float(self.settings["time_step"]))
        before = np.stack([draw_initial(points, random) for _ in range(count)])
        return {"a": before, "u": solver.advance(before, SECONDS)}

    def to_channels(self, inputs: Floats, targets: Floats) -> tuple[Floats, Floats]:
        """Of several times the last one."""
        return super().to_channels(inputs, targets[:, -1] if targets.ndim == 3 else targets)

    def open_pair(self, published: Path, part: str) -> tuple[Variable, Variable]:
        """Of the one file; or of neuraloperator's, whose ``y`` (n, times, points) begins with ``x``."""
        if self.settings["version"] == "neuraloperator":
            return self.open_torch_pair(published, "burgers", part, (2, 3))
        return open_variable(published / FILE, "a", 2), open_variable(published / FILE, "u", 2)
