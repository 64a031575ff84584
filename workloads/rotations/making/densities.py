"""Molecules that stand in for proteins, as densities at any pose: domains of helices, blurred to a map's resolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]

VOXELS = 64
RADIUS = 24.0
"""No atom is further from the middle, voxels, so that every pose fits."""
BLUR = 1.5
"""Standard deviation of an atom's density, voxels."""
ATOMS = 30
"""Atoms of a helix."""


def make_molecule(random: np.random.Generator) -> Floats:
    """Atoms (n, 3) of a molecule of its own shape, voxels from its middle."""
    domains, middle = [], np.zeros(3)
    for _ in range(int(random.integers(2, 6))):
        radius = random.uniform(5, 10)
        domains += [middle + helix(radius, random) for _ in range(int(radius))]
        step = random.normal(size=3)
        middle = middle + random.uniform(10, 17) * step / np.linalg.norm(step)
    atoms = np.concatenate(domains)
    atoms -= atoms.mean(0)
    furthest = np.linalg.norm(atoms, axis=1).max()
    inside: Floats = atoms * min(1.0, RADIUS / furthest)
    return inside


def helix(radius: float, random: np.random.Generator) -> Floats:
    """Atoms (30, 3) along a helix somewhere in a domain of that radius."""
    along = np.linspace(-1, 1, ATOMS) * radius
    turns = 1.75 * np.arange(ATOMS)
    straight = np.stack((np.cos(turns), np.sin(turns), along), axis=1)
    placed: Floats = pose_at(random).apply(straight) + random.normal(0, radius / 2.5, 3)
    return placed


def pose_at(random: np.random.Generator) -> Rotation:
    """A rotation, uniform over all: four normal numbers are a uniform direction among quaternions."""
    return Rotation.from_quat(random.normal(size=4))


def density_of(atoms: Floats, pose: Rotation) -> NDArray[np.float32]:
    """The density (64, 64, 64) of a molecule's atoms at a pose."""
    nearest = np.rint(pose.apply(atoms) + (VOXELS - 1) / 2).astype(np.int64)
    counts = np.zeros((VOXELS,) * 3, np.float32)
    np.add.at(counts, tuple(nearest.T), 1.0)
    blurred: NDArray[np.float32] = ndimage.gaussian_filter(counts, BLUR)
    return blurred


def project(density: NDArray[np.float32], pose: Rotation) -> NDArray[np.float32]:
    """The sums along the last axis (v, v) of a density (v, v, v) that is turned to a pose about its middle."""
    middle = np.full(3, (len(density) - 1) / 2)
    back = pose.as_matrix().T
    turned = ndimage.affine_transform(density, back, middle - back @ middle, order=1)
    sums: NDArray[np.float32] = turned.sum(axis=2)
    return sums
