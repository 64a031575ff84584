"""Solvers made coarse: the same equations on fewer points and by longer steps, for an error that is allowed.

Whoever is content with a surrogate's error can have it of the solver, too, and sooner than the finest solution.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import resample

from workloads.surrogates.solvers.burgers import Burgers
from workloads.surrogates.solvers.darcy import solve_darcy
from workloads.surrogates.solvers.navier_stokes import NavierStokes, published_force
from workloads.surrogates.solvers.random_fields import Floats

SAFETY = 0.7
"""The share of the longest stable step that is taken."""


@dataclass(frozen=True)
class Effort:
    """Points along each axis, and steps for each longest stable one."""

    points: int
    steps: int = 1


@functools.lru_cache(maxsize=256)
def resampling_matrix(before: int, after: int, periodic: bool) -> Floats:
    """What brings values from one grid of an axis to another, (after, before): by Fourier series on a circle, else by
    cubic splines with both edges among the points.
    """
    whole = np.eye(before)
    if before == after:
        return whole
    if periodic:
        found: Floats = resample(whole, after)
    else:
        found = CubicSpline(np.linspace(0, 1, before), whole)(np.linspace(0, 1, after))
    return found


def on_points(fields: NDArray[np.floating], points: int, periodic: bool, axes: int) -> Floats:
    """Fields (…, *points) on another grid along their last ``axes`` axes."""
    moved: Floats = np.asarray(fields, np.float64)
    for axis in range(-axes, 0):
        matrix = resampling_matrix(moved.shape[axis], points, periodic)
        moved = np.moveaxis(np.tensordot(moved, matrix, ([axis], [1])), -1, axis)
    return moved


class CoarseSolver(ABC):
    """A data set's solver as one that may be coarse. ``settings`` are the data set's."""

    def __init__(self, settings: Mapping[str, Any], periodic: bool, axes: int) -> None:
        self.settings, self.periodic, self.axes = settings, periodic, axes

    @abstractmethod
    def solve(self, inputs: Floats, effort: Effort, points: int) -> Floats:
        """Targets (n, d, *points) of inputs (n, c, *finest), by some effort. Raises SolverError."""

    def efforts(self, finest: int) -> Iterator[Effort]:
        """What may be tried on a finest grid, the least first."""
        for points in sorted({max(5, round(finest * share)) for share in np.geomspace(1 / 16, 1, 17)}):
            yield Effort(points)


class CoarseDarcy(CoarseSolver):
    """Of the permeability the nearest points are taken: rocks are of one kind or the other."""

    def solve(self, inputs: Floats, effort: Effort, points: int) -> Floats:
        """The pressure, by splines between the points that it was found on."""
        nearest = np.round(np.linspace(0, inputs.shape[-1] - 1, effort.points)).astype(np.int64)
        rocks = inputs[:, 0][:, nearest[:, None], nearest]
        return on_points(solve_darcy(rocks), points, False, 2)[:, None]


class CoarseBurgers(CoarseSolver):
    """By the longest stable steps, or by a few times as many."""

    def efforts(self, finest: int) -> Iterator[Effort]:
        """Even numbers of points, each with more steps."""
        for points in (2 ** np.arange(3, int(np.log2(finest)) + 1)).tolist():
            for steps in (1, 2, 4, 8):
                yield Effort(points, steps)

    def solve(self, inputs: Floats, effort: Effort, points: int) -> Floats:
        """The velocity after a second."""
        viscosity = float(self.settings["viscosity"])
        before = on_points(inputs[:, 0], effort.points, True, 1)
        longest = Burgers(effort.points, viscosity, 1.0).longest_step(float(np.abs(before).max()))
        steps = effort.steps * int(np.ceil(1 / (SAFETY * longest)))
        after = Burgers(effort.points, viscosity, 1 / steps).advance(before, 1.0)
        return on_points(after, points, True, 1)[:, None]


class CoarseNavierStokes(CoarseSolver):
    """From the last frame that is given, second by second."""

    def efforts(self, finest: int) -> Iterator[Effort]:
        """Grids whose transforms are fast."""
        for points in (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256):
            if points <= finest:
                yield Effort(points)

    def solve(self, inputs: Floats, effort: Effort, points: int) -> Floats:
        """All frames that follow."""
        viscosity = float(self.settings["viscosity"])
        vorticity, force = on_points(inputs[:, -1], effort.points, True, 2), published_force(effort.points)
        frames = []
        for _ in range(int(self.settings["seconds"]) - int(self.settings["given"])):
            longest = NavierStokes(effort.points, viscosity, 1.0).longest_step(vorticity)
            step = min(1.0, SAFETY * longest)
            vorticity = NavierStokes(effort.points, viscosity, step).advance(vorticity, 1.0, force)
            frames.append(on_points(vorticity, points, True, 2))
        return np.stack(frames, 1)


COARSE: Mapping[str, type[CoarseSolver]] = {
    "burgers": CoarseBurgers,
    "darcy": CoarseDarcy,
    "navier_stokes": CoarseNavierStokes,
}
"""By data set."""
