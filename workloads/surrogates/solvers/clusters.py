"""Clusters of atoms that attract and repel each other in pairs: an energy that is exact, as a stand-in for quantum
chemistry.

    E = sum over pairs of D ((x / r)^12 - 2 (x / r)^6)

Distances x and depths D are geometric means of the elements' (Rappe et al. 1992, doi:10.1021/ja00051a040: the universal
force field's term for atoms that are not bonded).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from workloads.surrogates.solvers.random_fields import Floats

ELEMENTS: Mapping[int, tuple[float, float]] = {
    1: (2.886, 0.044),
    6: (3.851, 0.105),
    7: (3.660, 0.069),
    8: (3.500, 0.060),
    9: (3.364, 0.050),
}
"""Distance at which the energy is least, Å, and that energy's depth, kcal/mol, by atomic number."""
SHARES = (0.5, 0.3, 0.08, 0.1, 0.02)
"""How often each element is drawn: about as in QM9."""
NEAREST, FARTHEST = 0.9, 1.25
"""Distance of a new atom from the one that it is put beside, and least distance from all, in units of x."""


def cluster_energy(positions: Floats, numbers: NDArray[np.integer]) -> float:
    """The energy, kcal/mol, of atoms at positions (n, 3), Å, with atomic numbers (n,)."""
    one, other = np.triu_indices(len(positions), 1)
    distances = np.linalg.norm(positions[one] - positions[other], axis=1)
    apart, depth = (np.sqrt(each[one] * each[other]) for each in _element_values(numbers))
    sixth = (apart / distances) ** 6
    return float((depth * (sixth**2 - 2 * sixth)).sum())


def draw_cluster(atoms: int, random: np.random.Generator) -> tuple[Floats, NDArray[np.uint8]]:
    """Positions (atoms, 3), Å, about their mean, and atomic numbers (atoms,): each atom lies near an earlier one."""
    numbers = random.choice(np.array(list(ELEMENTS), np.uint8), atoms, p=SHARES)
    apart, _ = _element_values(numbers)
    positions = np.zeros((atoms, 3))
    for atom in range(1, atoms):
        least = np.sqrt(apart[atom] * apart[:atom])
        while True:
            beside = int(random.integers(atom))
            direction = random.standard_normal(3)
            reach = least[beside] * random.uniform(NEAREST, FARTHEST)
            place = positions[beside] + reach * direction / np.linalg.norm(direction)
            if (np.linalg.norm(positions[:atom] - place, axis=1) >= NEAREST * least).all():
                positions[atom] = place
                break
    return positions - positions.mean(0), numbers


def _element_values(numbers: NDArray[np.integer]) -> tuple[Floats, Floats]:
    values = np.array([ELEMENTS[int(number)] for number in numbers])
    return values[:, 0], values[:, 1]
