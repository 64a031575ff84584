"""navier_stokes: the vorticity of a flow in the plane, from its first seconds (Li et al. 2021, arXiv:2010.08895)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.surrogates.datasets.base import FieldsDataset
from workloads.surrogates.datasets.pairs import Floats
from workloads.surrogates.datasets.variables import Variable, open_variable
from workloads.surrogates.solvers.navier_stokes import NavierStokes, draw_vorticity, published_force

PAGE = "github.com/neuraloperator/neuraloperator"
FORCING = "nsforcing"


class NavierStokesDataset(FieldsDataset):
    """The first ``given`` frames, one a second, to all that follow; the mean vorticity stays 0.

    Published files are named after their ``version``, such as ns_V1e-3_N5000_T50.mat: ``u`` (samples, 64, 64, seconds).
    ``nsforcing`` is another question: from the force that drives a flow to its vorticity in the end.
    """

    SET = "navier_stokes"
    AXES = 2
    PERIODIC = True
    CONSERVES = True
    SHARED = (*FieldsDataset.SHARED, "given", "seconds")
    MADE_OF = (*FieldsDataset.MADE_OF, "viscosity", "time_step", "amplitude")
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        version: Published(f"surrogates/{version}", None, f"{version}.mat, of the FNO paper's data", page=PAGE)
        for version in ("ns_V1e-3_N5000_T50", "ns_V1e-4_N10000_T30", "NavierStokes_V1e-5_N1200_T20")
    } | {
        FORCING: Published(
            "surrogates/nsforcing", None, "nsforcing_train_128.pt, nsforcing_test_128.pt, or of 1024 points",
            page="zenodo.org/records/12825163",
        )
    }  # fmt: skip

    @property
    def channels(self) -> tuple[int, int]:
        """Frames that are given, and frames that follow."""
        if self.settings["version"] == FORCING:
            return 1, 1
        return int(self.settings["given"]), self.rolls

    @property
    def rolls(self) -> int:
        """Frames that follow."""
        if self.settings["version"] == FORCING:
            return 0
        return int(self.settings["seconds"]) - int(self.settings["given"])

    @property
    def published_shapes(self) -> dict[str, tuple[int, ...]]:
        """All frames."""
        return {"u": (self.finest, self.finest, int(self.settings["seconds"]))}

    def published_file(self, part: str) -> str:
        """One file has both parts."""
        return f"{self.settings['version']}.mat"

    def simulate(self, random: np.random.Generator, count: int) -> dict[str, NDArray[np.float64]]:
        """Draw flows at rest but for small eddies, and push them."""
        points = int(self.settings["solver_grid"])
        solver = NavierStokes(points, float(self.settings["viscosity"]), float(self.settings["time_step"]))
        amplitude, force = float(self.settings["amplitude"]), published_force(points)
        vorticity = np.stack([amplitude * draw_vorticity(points, random) for _ in range(count)])
        every, frames = points // self.finest, []
        for _ in range(int(self.settings["seconds"])):
            vorticity = solver.advance(vorticity, 1.0, force)
            frames.append(vorticity[:, ::every, ::every])
        return {"u": np.stack(frames, -1)}

    def open_pair(self, published: Path, part: str) -> tuple[Variable, Variable]:
        """One array has both, but for ``nsforcing``. Raises DatasetError."""
        if self.settings["version"] == FORCING:
            return self.open_torch_pair(published, FORCING, part, (3, 3))
        frames = open_variable(published / self.published_file(part), "u", 4)
        if frames.shape[-1] < int(self.settings["seconds"]):
            raise DatasetError(
                f"{frames.path} has {frames.shape[-1]} frames; dataset.seconds is {self.settings['seconds']}"
            )
        return frames, frames

    def to_channels(self, inputs: Floats, targets: Floats) -> tuple[Floats, Floats]:
        """Frames as channels, divided into given and following ones."""
        if self.settings["version"] == FORCING:
            return super().to_channels(inputs, targets)
        frames = np.moveaxis(inputs, -1, 1)
        return frames, frames[:, self.channels[0] :]
