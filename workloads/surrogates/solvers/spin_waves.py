"""Spin waves of an antiferromagnet on a square lattice, as neutrons see them: linear spin-wave theory of Néel's order.

    H = sum over pairs of J S . S  -  D sum of (S_z)^2

with J1, J2 and J3 between first, second and third neighbours, an easy axis D and spins of 5/2. A wave vector q, in
radians a spacing, has the energy sqrt(A^2 - B^2) and scatters as (A - B) / energy, where

    A / S = 4 J1 - 4 J2 (1 - cos qx cos qy) - 2 J3 (2 - cos 2 qx - cos 2 qy) + D (2 - 1 / S)
    B / S = 2 J1 (cos qx + cos qy)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workloads.surrogates.solvers.errors import SolverError
from workloads.surrogates.solvers.random_fields import Floats

SPIN = 2.5
NAMES = ("J1", "J2", "J3", "D")
"""A sample's parameters, meV."""
RANGES = ((0.4, 0.8), (0.0, 0.1), (0.0, 0.05), (0.005, 0.05))
"""What each is drawn from, uniformly: about those of Rb2MnF4, whose J1 is 0.65 meV."""
HIGHEST = 10.0
"""Energy at the frame's upper edge, meV."""
CORNERS = ((0.0, 0.0), (np.pi, 0.0), (np.pi, np.pi), (0.0, 0.0))
"""The path that frames go along: the zone's centre, the middle of its edge, its corner, and back."""


def path_of_waves(points: int) -> Floats:
    """Wave vectors (points, 2), evenly spaced along the path."""
    corners = np.array(CORNERS)
    lengths = np.concatenate([[0.0], np.linalg.norm(np.diff(corners, axis=0), axis=1).cumsum()])
    places = np.linspace(0, lengths[-1], points)
    return np.stack([np.interp(places, lengths, corners[:, axis]) for axis in (0, 1)], 1)


def wave_energies(parameters: NDArray[np.floating], waves: Floats) -> tuple[Floats, Floats]:
    """Energies, meV, and intensities (…, q) of waves (q, 2), for parameters (…, 4). Raises SolverError where Néel's
    order is no minimum.
    """
    first, second, third, axis = np.moveaxis(np.asarray(parameters, np.float64)[..., None], -2, 0)
    x, y = waves.T
    own = 4 * first - 4 * second * (1 - np.cos(x) * np.cos(y)) - 2 * third * (2 - np.cos(2 * x) - np.cos(2 * y))
    own = SPIN * (own + axis * (2 - 1 / SPIN))
    other = SPIN * 2 * first * (np.cos(x) + np.cos(y))
    squares = own**2 - other**2
    if not ((own > 0).all() and (squares > -1e-9).all()):
        raise SolverError("these couplings do not order antiferromagnetically: a spin wave has no real energy")
    energies: Floats = np.sqrt(np.maximum(squares, 0.0))
    intensities: Floats = (own - other) / np.maximum(energies, 1e-6)
    return energies, intensities


def neutron_frame(parameters: NDArray[np.floating], energies: int, waves: int, resolution: float) -> Floats:
    """Frames (…, energies, waves) from 0 to HIGHEST, each wave spread by a Gaussian of that standard deviation, meV."""
    centres, intensities = wave_energies(parameters, path_of_waves(waves))
    axis = np.linspace(0, HIGHEST, energies)[:, None]
    shape = np.exp(-0.5 * ((axis - centres[..., None, :]) / resolution) ** 2) / (resolution * np.sqrt(2 * np.pi))
    frame: Floats = shape * intensities[..., None, :]
    return frame


def draw_parameters(count: int, random: np.random.Generator) -> Floats:
    """Parameters (count, 4) within RANGES."""
    low, high = np.array(RANGES).T
    return random.uniform(low, high, (count, len(NAMES)))
