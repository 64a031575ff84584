"""Whether a CIF text in CrystaLLM's form describes a crystal: its four tests (Antunes et al. 2024,
doi:10.1038/s41467-024-54639-7), with gemmi's space groups instead of pymatgen's and spglib's.

Bonds are those of nearest neighbours, where CrystaLLM asks CrystalNN.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from workloads.language_models.grammar.elements import elements
from workloads.language_models.grammar.symmetry import count_symmetries

TOLERANCE = 0.32
"""How much a bond may be shorter or longer than the sum of its radii: CrystaLLM's."""
HYDROGEN = 2.5
"""Times the sum of radii that a bond of hydrogen may be long: CrystaLLM's."""
IONIC = 1.7
"""Difference of electronegativity from which bonds have ionic radii."""
SAME = 0.05
"""Å within which two sites are one."""
MOST_ATOMS = 500
"""Of a cell, among which further symmetry is looked for: the time grows with their square: two seconds here."""
BROKEN = (ArithmeticError, LookupError, RuntimeError, ValueError)
"""What a text raises that describes no crystal which a test could judge."""
STEPS = 100_000
"""Of a cell's edge, to which places are rounded."""
SITE = ("type_symbol", "symmetry_multiplicity", "fract_x", "fract_y", "fract_z")
PIECE = re.compile(r"([A-Z][a-z]?)(\d*)|(\()|\)(\d*)")
TESTS = ("formula", "multiplicity", "bonds", "space_group")


@dataclass(frozen=True)
class Site:
    """An atom of the asymmetric unit, at fractions of the cell's edges."""

    element: str
    multiplicity: int
    place: tuple[float, float, float]


@dataclass(frozen=True)
class Crystal:
    """``cell``: edges in Å and angles in degrees. ``group`` is a Hermann-Mauguin symbol in CrystaLLM's spelling."""

    group: str
    number: int
    cell: tuple[float, float, float, float, float, float]
    sites: Sequence[Site]

    @property
    def composition(self) -> Counter[str]:
        """Atoms of each element in the cell, by the sites' multiplicities."""
        counts = Counter[str]()
        for site in self.sites:
            counts[site.element] += site.multiplicity
        return counts


@functools.cache
def space_group_of(symbol: str) -> gemmi.SpaceGroup | None:
    """The group, with its second origin and hexagonal axes, as spglib's standard has them; None if there is none."""
    return gemmi.find_spacegroup_by_name(symbol.replace("_", ""), prefer="2H")


@functools.cache
def operations_of(symbol: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All operations of a group: rotations (k, 3, 3) and translations (k, 3)."""
    group = space_group_of(symbol)
    assert group is not None
    found = [(np.array(op.rot, float) / op.DEN, np.array(op.tran, float) / op.DEN) for op in group.operations()]
    rotations, translations = zip(*found, strict=True)
    return np.stack(rotations), np.stack(translations)


def expected_length(first: str, second: str) -> float:
    """The sum of two elements' radii, Å: of ions if their electronegativities differ by 1.7 or more, else of atoms."""
    one, other = sorted((elements()[first], elements()[second]), key=lambda element: element.electronegativity)
    if other.electronegativity - one.electronegativity >= IONIC and one.cationic and other.anionic:
        return one.cationic + other.anionic
    return one.radius + other.radius


def orbit(group: str, place: Sequence[float], lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """All different places (m, 3) that a group takes one to; ``lattice`` (3, 3) has the edges as columns, Å."""
    rotations, translations = operations_of(group)
    images = (rotations @ np.asarray(place, float) + translations) % 1.0
    # Those that are equal but for rounding go first, which are most of them.
    images = np.unique(np.rint(images * STEPS) % STEPS, axis=0) / STEPS
    apart = images[:, None] - images[None]
    same = np.linalg.norm((apart - np.rint(apart)) @ lattice.T, axis=-1) < SAME
    # Each is found again at the first of those that it is one with.
    different: NDArray[np.float64] = images[np.unique(same.argmax(axis=1))]
    return different


def lattice_of(cell: Sequence[float]) -> NDArray[np.float64]:
    """The edges of a cell as columns (3, 3), Å."""
    return np.array(gemmi.UnitCell(*cell).orth.mat.tolist(), float)


def distances_to(
    place: Sequence[float], images: NDArray[np.float64], lattice: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distances (d,) in Å from a place to an atom's places in a cell (m, 3) and in those around, but not to itself."""
    around = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    apart = (images[:, None] + around[None] - np.asarray(place, float) % 1.0).reshape(-1, 3)
    distances: NDArray[np.float64] = np.linalg.norm(apart @ lattice.T, axis=1)
    return distances[distances > SAME]


def composition_of(formula: str) -> Counter[str]:
    """How many atoms of each element a formula has, such as "Na4 Cl4" or "Ca(NO3)2". Raises ValueError."""
    compact, stack, at = formula.replace(" ", ""), [Counter[str]()], 0
    for match in PIECE.finditer(compact):
        if match.start() != at:
            break
        symbol, count, opened, times = match.groups()
        if symbol:
            stack[-1][symbol] += int(count or 1)
        elif opened:
            stack.append(Counter())
        elif len(stack) > 1:
            inner = stack.pop()
            stack[-1].update({name: number * int(times or 1) for name, number in inner.items()})
        else:
            break
        at = match.end()
    if at != len(compact) or len(stack) > 1 or not stack[0]:
        raise ValueError(f"{formula!r} is no formula")
    return stack[0]


def reduced(composition: Counter[str]) -> Mapping[str, int]:
    """A composition over what its numbers have in common."""
    common = math.gcd(*composition.values()) or 1
    return {symbol: count // common for symbol, count in composition.items()}


def number_in(block: gemmi.cif.Block, tag: str) -> float:
    """A number of a block. Raises ValueError."""
    text = block.find_value(tag)
    if text is None:
        raise ValueError(f"it has no {tag}")
    return finite(text)


def finite(text: str) -> float:
    """The number that a text is. Raises ValueError for none, and for what float() also takes: "nan", "InF"."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is no finite number")
    return number


def read_crystal(block: gemmi.cif.Block) -> Crystal:
    """The crystal of a CIF's block. Raises ValueError for what is missing or none."""
    symbol = gemmi.cif.as_string(block.find_value("_symmetry_space_group_name_H-M") or "")
    lengths = [number_in(block, f"_cell_length_{edge}") for edge in "abc"]
    angles = [number_in(block, f"_cell_angle_{angle}") for angle in ("alpha", "beta", "gamma")]
    if not (all(0.5 <= edge <= 1000 for edge in lengths) and all(10 <= angle <= 170 for angle in angles)):
        raise ValueError("its cell is out of all measure")
    sites = [
        Site(row[0], int(row[1]), (finite(row[2]), finite(row[3]), finite(row[4])))
        for row in block.find("_atom_site_", list(SITE))
    ]
    if not sites or not all(site.element in elements() for site in sites):
        raise ValueError("it has no sites, or sites of no element")
    a, b, c = lengths
    alpha, beta, gamma = angles
    if not gemmi.UnitCell(a, b, c, alpha, beta, gamma).volume > 0.1:
        raise ValueError("its cell has no volume")
    number = int(number_in(block, "_symmetry_Int_Tables_number"))
    return Crystal(symbol, number, (a, b, c, alpha, beta, gamma), sites)


def crystal_of(text: str) -> Crystal:
    """The crystal that a text describes. Raises ValueError or RuntimeError for one that describes none."""
    return read_crystal(gemmi.cif.read_string(text + "\n").sole_block())


def judge_crystal(text: str) -> dict[str, bool]:
    """The verdict of each test; of a text that is no CIF, or lacks something, none is passed."""
    verdicts = dict.fromkeys(TESTS, False)
    try:
        block = gemmi.cif.read_string(text + "\n").sole_block()
        crystal = read_crystal(block)
        whole = composition_of(gemmi.cif.as_string(block.find_value("_chemical_formula_sum") or ""))
        stated = composition_of(gemmi.cif.as_string(block.find_value("_chemical_formula_structural") or ""))
        named = composition_of(block.name)
    except BROKEN:
        return verdicts
    verdicts["formula"] = reduced(named) == reduced(whole) == reduced(stated)
    group = space_group_of(crystal.group)
    if group is None:
        return verdicts
    verdicts["multiplicity"] = crystal.composition == whole and passes(has_multiplicities, crystal)
    fits = gemmi.UnitCell(*crystal.cell).is_compatible_with_spacegroup(group, 0.01)
    verdicts["space_group"] = crystal.number == group.number and bool(fits) and passes(has_no_other_symmetry, crystal)
    verdicts["bonds"] = passes(has_bonds, crystal)
    return verdicts


def passes(test: Callable[[Crystal], bool], crystal: Crystal) -> bool:
    """Whether a crystal passes a test; one that it cannot be judged by, as with a flat cell, it does not."""
    try:
        return test(crystal)
    except BROKEN:
        return False


def has_multiplicities(crystal: Crystal) -> bool:
    """Whether each site stands for as many places as the stated group gives it."""
    lattice = lattice_of(crystal.cell)
    return all(len(orbit(crystal.group, site.place, lattice)) == site.multiplicity for site in crystal.sites)


def has_no_other_symmetry(crystal: Crystal) -> bool:
    """Whether the atoms have the symmetry of the stated group, which their places are made by, and no further one.

    Raises ValueError for a cell that is flat, or has more than MOST_ATOMS atoms.
    """
    lattice, kinds = lattice_of(crystal.cell), dict[str, list[NDArray[np.float64]]]()
    for site in crystal.sites:
        kinds.setdefault(site.element, []).append(orbit(crystal.group, site.place, lattice))
    whole = [np.concatenate(places) for places in kinds.values()]
    if sum(map(len, whole)) > MOST_ATOMS:
        raise ValueError(f"it has more than {MOST_ATOMS} atoms")
    found = count_symmetries(lattice, whole)
    return found == len(operations_of(crystal.group)[0])


def has_bonds(crystal: Crystal) -> bool:
    """Whether no two atoms are too close, and every atom's nearest neighbour is close enough.

    Of bonds with hydrogen the least length is not asked for.
    """
    lattice = lattice_of(crystal.cell)
    places = [orbit(crystal.group, site.place, lattice) for site in crystal.sites]
    for site in crystal.sites:
        bonded = False
        for other, images in zip(crystal.sites, places, strict=True):
            found = distances_to(site.place, images, lattice)
            nearest = float(found.min()) / expected_length(site.element, other.element) if len(found) else math.inf
            hydrogen = "H" in (site.element, other.element)
            if not hydrogen and nearest <= 1 - TOLERANCE:
                return False
            bonded |= nearest < (HYDROGEN if hydrogen else 1 + TOLERANCE)
        if not bonded:
            return False
    return True
