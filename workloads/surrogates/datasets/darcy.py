"""darcy: the pressure of water in a porous square, from its permeability (Li et al. 2021, arXiv:2010.08895)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workloads.runtime.publication.published import Published
from workloads.surrogates.datasets.base import FieldsDataset
from workloads.surrogates.datasets.variables import Variable, open_variable
from workloads.surrogates.solvers.darcy import draw_coefficient, solve_darcy

MATLAB = {
    "training": "piececonst_r421_N1024_smooth1.mat",
    "evaluation": "piececonst_r421_N1024_smooth2.mat",
}
"""``coeff`` and ``sol`` (samples, 421, 421)."""


class DarcyDataset(FieldsDataset):
    """Permeability 12 or 3 to pressure; edges, where the pressure is 0, are among the points. neuraloperator's files
    have permeability 1 or 0, and no points on the far edges.
    """

    SET = "darcy"
    AXES = 2
    PERIODIC = False
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "piececonst_r421": Published(
            "surrogates/darcy_421", None, f"{MATLAB['training']} and {MATLAB['evaluation']}, of the FNO paper's data",
            page="github.com/neuraloperator/neuraloperator",
        ),
        "neuraloperator": Published(
            "surrogates/darcy_neuraloperator", 1_600_000,
            "darcy_train_16.pt, darcy_test_16.pt and darcy_test_32.pt, of neuralop/data/datasets/data (MIT)",
            page="github.com/neuraloperator/neuraloperator",
        ),
    }  # fmt: skip

    @property
    def both_ends(self) -> bool:
        """But of neuraloperator's files."""
        return bool(self.settings["version"] != "neuraloperator")

    @property
    def published_shapes(self) -> dict[str, tuple[int, ...]]:
        """The permeability and the pressure."""
        points = int(self.settings["solver_grid"])
        return {"coeff": (points, points), "sol": (points, points)}

    def published_file(self, part: str) -> str:
        """The FNO paper's."""
        return MATLAB[part]

    def simulate(self, random: np.random.Generator, count: int) -> dict[str, NDArray[np.float64]]:
        """Draw the rocks and have the water flow through them."""
        points = int(self.settings["solver_grid"])
        coefficients = np.stack([draw_coefficient(points, random) for _ in range(count)])
        return {"coeff": coefficients, "sol": solve_darcy(coefficients)}

    def open_pair(self, published: Path, part: str) -> tuple[Variable, Variable]:
        """Of the FNO paper's files, or of neuraloperator's."""
        if not self.both_ends:
            return self.open_torch_pair(published, "darcy", part, (3, 3))
        path = published / MATLAB[part]
        return open_variable(path, "coeff", 3), open_variable(path, "sol", 3)
