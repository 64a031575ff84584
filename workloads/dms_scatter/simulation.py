"""Diffuse multiple scattering on a flat detector: Kossel lines of many reflections, as a photon counter sees them.

X-rays that were scattered diffusely inside a crystal run in all directions; those that meet lattice planes under the
Bragg angle are diffracted once more. They leave along the cone of directions u with u · G = λ |G|² / 2, one cone for
each reciprocal lattice vector G (Nisbet et al., Acta Cryst. A71 (2015) 20; Nisbet et al. call the cuts of these cones
with the detector DMS lines). Where lines cross depends on the lattice and the wavelength alone.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.dms_scatter.formats import CHANNELS, COLUMNS, ROWS
from workloads.dms_scatter.lattice import Cell, draw_cell, reflections, structure_factor

PIXEL = 0.172
"""Edge of a pixel of a Pilatus 100k detector, mm."""
DISTANCE = 565.0
"""From the crystal to the detector, mm, as at beamline I16 of Diamond (arXiv 2406.11764, figure 5)."""
HC = 12.398419843
"""Planck's constant times the speed of light, keV Å."""
ENERGY = 7.82
"""Photon energy of the middle channel, keV (arXiv 2406.11764)."""
ENERGY_STEP = 0.03
"""Energy between the three channels, keV. Each line moves with the energy at its own rate."""
ELEVATION = 52.0
"""Angle between the mean direction of the detector and the (001) plane, degrees; the azimuth is that of [100]."""
HIGHEST_INDEX = 6
"""Reflections with a higher index cannot fulfil Bragg's law at these energies: 2 a ÷ λ = 5.2."""


@dataclass(frozen=True)
class Spread:
    """The variation of samples. All but ``order`` is the same for both classes and reveals nothing of the lattice."""

    order: tuple[float, float] = (0.5, 1.0)
    """Range of the monoclinic phase's order parameter, which is drawn uniformly (lattice.draw_cell)."""
    misorientation: float = 0.2
    """Standard deviation about each axis, degrees."""
    energy: float = 0.005
    """Standard deviation of the photon energy, keV."""
    brightness: float = 0.4
    """Standard deviation of the logarithm of a line's brightness, relative to that of the ideal structure."""
    peak: float = 60.0
    """Photons per pixel that the strongest kind of line adds, on average."""
    background: float = 8.0
    """Photons per pixel between lines, on average."""
    width: tuple[float, float] = (0.7, 1.3)
    """Range of the standard deviation of a line's cross-section, pixels; drawn uniformly, once for all lines of a
    sample.
    """


@functools.cache
def detector_directions() -> NDArray[np.float32]:
    """Return unit vectors (3, rows, columns) from the crystal to the pixels; the long side lies in the (010) plane.

    (010) is a mirror plane of a tetragonal lattice, but not of any monoclinic variant.
    """
    elevation = np.radians(ELEVATION)
    towards = np.array([np.cos(elevation), 0, np.sin(elevation)])
    up, right = np.array([-np.sin(elevation), 0, np.cos(elevation)]), np.array([0, -1, 0])
    rows = PIXEL * (np.arange(ROWS)[:, None] - (ROWS - 1) / 2)
    columns = PIXEL * (np.arange(COLUMNS) - (COLUMNS - 1) / 2)
    points = [DISTANCE * t - rows * u + columns * r for t, u, r in zip(towards, up, right, strict=True)]
    return np.asarray(np.stack(points) / np.linalg.norm(points, axis=0), np.float32)


def lines_on_detector(
    vectors: NDArray[np.float64], wavelengths: NDArray[np.float64], margin: float
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Which reciprocal lattice vectors (n, 3) have a cone that meets the detector, and each pixel's distance from it.

    Distances (k, w, rows, columns) are angles in radians, for each wavelength, to first order (u · G/|G| − sin θ) ÷
    cos θ with sin θ = λ |G| / 2. Vectors in 1/Å, wavelengths (w,) in Å; ``margin`` in radians widens the detector.
    """
    lengths = np.linalg.norm(vectors, axis=1)
    sines = lengths[:, None] * wavelengths / 2
    axes = (vectors / lengths[:, None]).astype(np.float32)
    directions = detector_directions()
    # A coarse grid with the edges in it: between its points a projection bends by less than a tenth of a pixel.
    frame = directions[:, ::27, ::97].reshape(3, -1)
    reach = axes @ frame
    low, high = reach.min(axis=1) - margin, reach.max(axis=1) + margin
    met = (sines.max(axis=1) < 1) & (low < sines.max(axis=1)) & (high > sines.min(axis=1))
    chosen = np.flatnonzero(met)
    projected = np.tensordot(axes[chosen], directions, axes=1)[:, None]
    sines = sines[chosen].astype(np.float32)[:, :, None, None]
    return chosen, (projected - sines) / np.sqrt(1 - sines**2)


def rotation_matrix(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix (3, 3) that turns about ``vector`` by its length in radians (Rodrigues' formula)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector / angle if angle else vector
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def expected_photons(cell: Cell, spread: Spread, random: np.random.Generator) -> NDArray[np.float32]:
    """Return mean counts (channels, rows, columns) for a lattice; orientation, energy and the rest are drawn here."""
    indices = all_reflections()
    turn = rotation_matrix(np.radians(spread.misorientation) * random.standard_normal(3))
    energies = np.asarray(
        ENERGY + ENERGY_STEP * np.arange(-1, 2) + spread.energy * random.standard_normal(), np.float64
    )
    width = random.uniform(*spread.width) * PIXEL / DISTANCE
    # Drawn for every reflection, met or not, so that what is drawn does not depend on the lattice.
    brightness = spread.peak * np.exp(spread.brightness * random.standard_normal(len(indices)))
    brightness *= (structure_factor(indices) / structure_factor(np.zeros((1, 3), np.int64))) ** 2
    slopes, level = random.normal(0, 0.15, 2), random.uniform(0.7, 1.3)
    chosen, distances = lines_on_detector(indices @ cell.reciprocal @ turn.T, HC / energies, 5 * width)
    counts = np.zeros((CHANNELS, ROWS, COLUMNS), np.float32)
    for strength, distance in zip(brightness[chosen].astype(np.float32), distances, strict=True):
        distance /= np.float32(width * np.sqrt(2))
        counts += strength * np.exp(-np.square(distance))
    rows, columns = np.linspace(-1, 1, ROWS)[:, None], np.linspace(-1, 1, COLUMNS)
    counts += (spread.background * level * np.exp(slopes[0] * rows + slopes[1] * columns)).astype(np.float32)
    return counts


def simulate_pattern(label: int, spread: Spread, random: np.random.Generator) -> NDArray[np.uint8]:
    """Return one pattern (rows, columns, channels) of a class: photon counts, at most 255, with a channel for each
    energy.
    """
    photons = random.poisson(expected_photons(draw_cell(label, spread.order, random), spread, random))
    pattern: np.ndarray = np.minimum(photons, 255).astype(np.uint8).transpose(1, 2, 0)
    return pattern


@functools.cache
def all_reflections() -> NDArray[np.int64]:
    """Return the Miller indices (n, 3) that may fulfil Bragg's law."""
    return reflections(HIGHEST_INDEX)
