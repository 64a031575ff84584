"""Real crystal structures and the isostructural materials made from them.

A *prototype* is a structure of the AFLOW library of crystallographic prototypes (``structures/README.md`` says
how the file was made). A *material* is a prototype whose elements were exchanged for chemical relatives,
whose lattice was rescaled to their size and whose free coordinates moved a little, all without touching the
symmetry: the way isostructural compounds differ in a real materials database.
"""

from __future__ import annotations

import functools
import gzip
import itertools
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray

STRUCTURES_FILE = Path(__file__).with_name("structures") / "aflow_prototypes.json.gz"

# Elements that replace each other in isostructural compounds: columns of the periodic table, with the
# transition metals in two blocks. Elements in no row (hydrogen, the heaviest) are never exchanged.
FAMILIES: tuple[tuple[str, ...], ...] = (
    ("Li", "Na", "K", "Rb", "Cs"),
    ("Be", "Mg", "Ca", "Sr", "Ba"),
    ("Sc", "Y", "La", "Ce", "Pr", "Nd", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu"),
    ("Th", "Pa", "U", "Np", "Pu"),
    ("Ti", "Zr", "Hf", "V", "Nb", "Ta", "Cr", "Mo", "W"),
    ("Mn", "Re", "Fe", "Ru", "Os", "Co", "Rh", "Ir", "Ni", "Pd", "Pt", "Cu", "Ag", "Au", "Zn", "Cd", "Hg"),
    ("B", "Al", "Ga", "In", "Tl"),
    ("C", "Si", "Ge", "Sn", "Pb"),
    ("N", "P", "As", "Sb", "Bi"),
    ("O", "S", "Se", "Te"),
    ("F", "Cl", "Br", "I"),
    ("Ne", "Ar", "Kr", "Xe"),
)
LARGEST_DISPLACEMENT = 0.05
"""Largest displacement of an atom from its place in the prototype, Å."""


@dataclass(frozen=True)
class Crystal:
    """One crystal in its standard conventional cell.

    ``cell`` holds a, b, c in Å and alpha, beta, gamma in degrees; ``positions`` is (atoms, 3) in fractions of the
    cell; ``hall`` is the Hall symbol of the setting, whose operations map the crystal onto itself.
    """

    name: str
    space_group: int
    hall: str
    cell: tuple[float, float, float, float, float, float]
    species: tuple[str, ...]
    positions: NDArray[np.float64]

    @property
    def lattice(self) -> NDArray[np.float64]:
        """Cell vectors as rows (3, 3), Å."""
        unit_cell = gemmi.UnitCell(*self.cell)
        columns: np.ndarray = np.array(unit_cell.orth.mat.tolist(), dtype=np.float64).T
        return columns


@functools.lru_cache(maxsize=1)
def load_prototypes() -> tuple[Crystal, ...]:
    """Return every prototype of the library, ordered by space group and tag."""
    entries: list[dict[str, Any]] = json.loads(gzip.decompress(STRUCTURES_FILE.read_bytes()))
    return tuple(
        Crystal(
            name=entry["tag"],
            space_group=entry["space_group"],
            hall=entry["hall"],
            cell=tuple(entry["cell"]),
            species=tuple(entry["species"]),
            positions=np.array(entry["positions"], dtype=np.float64),
        )
        for entry in entries
    )


def symmetry_operations(crystal: Crystal) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return rotations (3, 3) and translations (3,) in fractional coordinates, centring included."""
    return [
        (np.array(op.rot, dtype=np.float64) / op.DEN, np.array(op.tran, dtype=np.float64) / op.DEN)
        for op in gemmi.symops_from_hall(crystal.hall)
    ]


def images_of_atoms(
    crystal: Crystal, rotation: NDArray[np.float64], translation: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return for each atom the atom that the operation maps it onto (atoms,), and the distance from it
    (atoms,) in Å.
    """
    moved = crystal.positions @ rotation.T + translation
    gap = moved[:, None, :] - crystal.positions[None, :, :]
    distance = np.linalg.norm((gap - np.round(gap)) @ crystal.lattice, axis=-1)
    return distance.argmin(axis=1), distance.min(axis=1)


def materials_of(prototype: Crystal, count: int, seed: int) -> list[Crystal]:
    """Return up to ``count`` different isostructural materials of a prototype, the original elements first.

    Equal seeds give equal materials. Fewer are returned if the families of its elements allow fewer combinations.
    """
    random = np.random.default_rng([seed, zlib.crc32(prototype.name.encode())])
    distinct = tuple(dict.fromkeys(prototype.species))
    combinations = [
        choice
        for choice in itertools.islice(itertools.product(*map(_relatives, distinct)), 100_000)
        if len(set(choice)) == len(distinct) and choice != distinct
    ]
    order = random.permutation(len(combinations))[: max(count - 1, 0)]
    chosen = [distinct, *(combinations[index] for index in order)][:count]
    orbits = [
        (np.asarray(np.linalg.inv(rotation).T, dtype=np.float64), images_of_atoms(prototype, rotation, translation)[0])
        for rotation, translation in symmetry_operations(prototype)
    ]
    return [
        replace(
            _exchange(prototype, dict(zip(distinct, choice, strict=True))),
            positions=prototype.positions + _symmetric_displacements(prototype, orbits, random),
        )
        for choice in chosen
    ]


def _relatives(element: str) -> tuple[str, ...]:
    return next((family for family in FAMILIES if element in family), (element,))


def _exchange(prototype: Crystal, replacement: dict[str, str]) -> Crystal:
    species = tuple(replacement[element] for element in prototype.species)
    # The cell grows with the atoms' volume: the sum of cubed covalent radii (Cordero et al., Dalton Trans.
    # 2008, 2832, as gemmi tabulates them). One common factor for all edges keeps every symmetry.
    scale = (_atomic_volume(species) / _atomic_volume(prototype.species)) ** (1 / 3)
    a, b, c, *angles = prototype.cell
    return replace(
        prototype,
        name=f"{prototype.name}:{'-'.join(replacement.values())}",
        cell=(a * scale, b * scale, c * scale, angles[0], angles[1], angles[2]),
        species=species,
    )


def _atomic_volume(species: tuple[str, ...]) -> float:
    return float(sum(gemmi.Element(element).covalent_r ** 3 for element in species))


def _symmetric_displacements(
    crystal: Crystal,
    orbits: Sequence[tuple[NDArray[np.float64], NDArray[np.intp]]],
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Random displacements (atoms, 3), fractional, that obey the crystal's symmetry.

    A random field averaged over the group: d'_i = mean over operations g of R_g^-1 d_g(i); ``orbits`` holds
    R_g^-1, transposed, and g(i). Atoms on sites without a free coordinate stay where they are.
    """
    field = random.uniform(-1, 1, size=crystal.positions.shape)
    distance = random.uniform(0, LARGEST_DISPLACEMENT)
    total = np.zeros_like(field)
    for inverse, landed in orbits:
        total += field[landed] @ inverse
    longest = np.linalg.norm(total @ crystal.lattice, axis=1).max()
    return np.asarray(total * (distance / longest) if longest > 1e-6 else np.zeros_like(field))
