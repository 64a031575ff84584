"""Graphene as microscopes find it: rotated, tilted and rippled, with defects, grain boundaries and edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

BOND = 1.42
"""Length of the carbon bond, Å."""


def perfect_sheet(extent: float, angle: float, shift: Points) -> Points:
    """Return the atoms (n, 2) of a perfect sheet that covers the square of side ``extent`` Å around the origin at any
    angle.
    """
    constant = BOND * np.sqrt(3)
    first, second = constant * np.array([1.0, 0.0]), constant * np.array([0.5, np.sqrt(3) / 2])
    reach = int(np.ceil(extent / constant)) + 2
    numbers = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2), axis=-1).reshape(-1, 2)
    cells = numbers @ np.stack([first, second])
    atoms = np.concatenate([cells, cells + (first + second) / 3]) + shift
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    atoms = atoms @ turn
    return np.asarray(atoms[np.abs(atoms).max(axis=1) < extent / 2 + 2 * BOND])


def draw_specimen(extent: float, random: np.random.Generator) -> Points:
    """Draw the atoms (n, 2), Å, of a random piece of graphene: the square of side ``extent`` around the origin, or part
    of it.
    """
    angle = random.uniform(0, np.pi / 3)
    atoms = perfect_sheet(extent * 1.1, angle, random.uniform(-BOND, BOND, 2))
    if random.random() < 0.4:
        atoms = _with_grain_boundary(atoms, extent, angle, random)
    atoms = _with_vacancies(atoms, random.poisson(3), random)
    for _ in range(random.poisson(1)):
        atoms = _with_stone_wales(atoms, random)
    if random.random() < 0.4:
        atoms = _with_edge(atoms, extent, random)
    return _deformed(atoms, extent, random)


def _direction(random: np.random.Generator) -> Points:
    angle = random.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _with_grain_boundary(atoms: Points, extent: float, angle: float, random: np.random.Generator) -> Points:
    """A second grain, turned by 5 to 30 degrees, beyond a straight line; no two atoms closer than 1 Å."""
    normal, offset = _direction(random), random.uniform(-0.25, 0.25) * extent
    other = perfect_sheet(extent * 1.1, angle + np.radians(random.uniform(5, 30)), random.uniform(-BOND, BOND, 2))
    here, there = atoms[atoms @ normal < offset], other[other @ normal >= offset]
    if len(here) == 0 or len(there) == 0:
        return atoms
    rim = here[here @ normal > offset - 1.0]
    if len(rim):
        nearest = np.linalg.norm(there[:, None] - rim[None], axis=-1).min(axis=1)
        there = there[nearest > 1.0]
    return np.concatenate([here, there])


def _with_vacancies(atoms: Points, count: int, random: np.random.Generator) -> Points:
    """Remove single atoms and pairs; their neighbours move away by 0.1 Å."""
    for _ in range(count):
        centre = atoms[random.integers(len(atoms))]
        distance = np.linalg.norm(atoms - centre, axis=1)
        gone = np.argsort(distance)[: random.integers(1, 3)]
        near = (distance > 0.1) & (distance < 1.2 * BOND)
        atoms = atoms + np.where(near, 0.1 / np.maximum(distance, 1e-9), 0.0)[:, None] * (atoms - centre)
        atoms = np.delete(atoms, gone, axis=0)
    return atoms


def _with_stone_wales(atoms: Points, random: np.random.Generator) -> Points:
    """One bond turned by 90 degrees about its middle: two pentagons and two heptagons."""
    chosen = random.integers(len(atoms))
    distance = np.linalg.norm(atoms - atoms[chosen], axis=1)
    distance[chosen] = np.inf
    other = int(distance.argmin())
    if distance[other] > 1.2 * BOND:
        return atoms
    middle, half = (atoms[chosen] + atoms[other]) / 2, (atoms[chosen] - atoms[other]) / 2
    across = np.array([-half[1], half[0]])
    atoms = atoms.copy()
    atoms[chosen], atoms[other] = middle + across, middle - across
    return atoms


def _with_edge(atoms: Points, extent: float, random: np.random.Generator) -> Points:
    """Vacuum beyond a wavy line."""
    normal = _direction(random)
    along = atoms @ np.array([-normal[1], normal[0]])
    wave = 2.0 * np.sin(2 * np.pi * along / random.uniform(8, 30) + random.uniform(0, 2 * np.pi))
    kept = atoms @ normal < random.uniform(0.0, 0.45) * extent + wave
    return np.asarray(atoms[kept])


def _deformed(atoms: Points, extent: float, random: np.random.Generator) -> Points:
    """Tilted by up to 15 degrees (seen shorter along one direction), rippled in the plane, shaken by heat (0.06 Å)."""
    axis = _direction(random)
    atoms = atoms + np.outer(atoms @ axis, axis) * (np.cos(np.radians(random.uniform(0, 15))) - 1)
    wave, phase = _direction(random) / random.uniform(0.4, 1.5) / extent, random.uniform(0, 2 * np.pi)
    ripple = random.uniform(0, 0.3) * np.sin(2 * np.pi * atoms @ wave + phase)
    return np.asarray(atoms + np.outer(ripple, _direction(random)) + random.normal(0, 0.06, atoms.shape))
