"""Crystals of well-known prototypes with other elements, as CIF texts in CrystaLLM's form.

Sites and ratios of edges are the prototypes' own (Wyckoff, Crystal Structures, 1963 on). The length of an edge follows
a rule that can be learned: nowhere are two atoms closer than the sum of their radii, and somewhere they touch.
"""

from __future__ import annotations

import functools
import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from workloads.language_models.grammar.crystals import (
    TOLERANCE,
    Crystal,
    Site,
    distances_to,
    expected_length,
    lattice_of,
    orbit,
    reduced,
    space_group_of,
)
from workloads.language_models.grammar.elements import elements

ANIONS = ("O", "S", "Se", "Te", "F", "Cl", "Br", "I", "N", "P", "As")
METALS = (
    "Li", "Na", "K", "Rb", "Cs", "Be", "Mg", "Ca", "Sr", "Ba", "Sc", "Y", "La", "Ti", "Zr", "Hf", "V", "Nb", "Ta", "Cr",
    "Mo", "W", "Mn", "Tc", "Re", "Fe", "Ru", "Os", "Co", "Rh", "Ir", "Ni", "Pd", "Pt", "Cu", "Ag", "Au", "Zn", "Cd",
    "Hg", "Al", "Ga", "In", "Tl", "Si", "Ge", "Sn", "Pb", "Sb", "Bi", "Ce", "Pr", "Nd", "Sm", "Eu", "Gd", "Tb", "Dy",
    "Ho", "Er", "Tm", "Yb", "Lu", "Th", "U",
)  # fmt: skip
CUBIC, HEXAGONAL = (90.0, 90.0, 90.0), (90.0, 90.0, 120.0)


@dataclass(frozen=True)
class Prototype:
    """``edges``: b and c over a. ``sites``: each element's letter and place; "X" and "Y" are anions, others metals."""

    name: str
    group: str
    edges: tuple[float, float]
    angles: tuple[float, float, float]
    sites: tuple[tuple[str, float, float, float], ...]


T = 1 / 3
PROTOTYPES = (
    Prototype("rock salt", "Fm-3m", (1, 1), CUBIC, (("A", 0, 0, 0), ("X", 0, 0, 0.5))),
    Prototype("caesium chloride", "Pm-3m", (1, 1), CUBIC, (("A", 0, 0, 0), ("X", 0.5, 0.5, 0.5))),
    Prototype("zinc blende", "F-43m", (1, 1), CUBIC, (("A", 0, 0, 0), ("X", 0.25, 0.25, 0.75))),
    Prototype("fluorite", "Fm-3m", (1, 1), CUBIC, (("A", 0, 0, 0), ("X", 0.25, 0.25, 0.25))),
    Prototype("antifluorite", "Fm-3m", (1, 1), CUBIC, (("X", 0, 0, 0), ("A", 0.25, 0.25, 0.25))),
    Prototype("wurtzite", "P6_3mc", (1, 1.633), HEXAGONAL, (("A", T, 2 * T, 0), ("X", T, 2 * T, 0.375))),
    Prototype("nickel arsenide", "P6_3/mmc", (1, 1.39), HEXAGONAL, (("A", 0, 0, 0), ("X", T, 2 * T, 0.25))),
    Prototype("cadmium iodide", "P-3m1", (1, 1.6), HEXAGONAL, (("A", 0, 0, 0), ("X", T, 2 * T, 0.25))),
    Prototype("rutile", "P4_2/mnm", (1, 0.64), CUBIC, (("A", 0, 0, 0), ("X", 0.305, 0.305, 0))),
    Prototype("pyrite", "Pa-3", (1, 1), CUBIC, (("A", 0, 0, 0), ("X", 0.385, 0.385, 0.385))),
    Prototype("cuprite", "Pn-3m", (1, 1), CUBIC, (("A", 0, 0, 0), ("X", 0.25, 0.25, 0.25))),
    Prototype("perovskite", "Pm-3m", (1, 1), CUBIC, (("A", 0.5, 0.5, 0.5), ("B", 0, 0, 0), ("X", 0, 0, 0.5))),
    Prototype("half-Heusler", "F-43m", (1, 1), CUBIC, (("A", 0, 0, 0), ("B", 0.25, 0.25, 0.25), ("C", 0, 0, 0.5))),
    Prototype("Heusler", "Fm-3m", (1, 1), CUBIC, (("A", 0, 0, 0), ("B", 0, 0, 0.5), ("C", 0.25, 0.25, 0.25))),
    Prototype("spinel", "Fd-3m", (1, 1), CUBIC,
              (("A", 0.125, 0.125, 0.125), ("B", 0.5, 0.5, 0.5), ("X", 0.2625, 0.2625, 0.2625))),
    Prototype("Laves phase", "Fd-3m", (1, 1), CUBIC, (("A", 0.125, 0.125, 0.125), ("B", 0.5, 0.5, 0.5))),
    Prototype("A15", "Pm-3n", (1, 1), CUBIC, (("A", 0.25, 0, 0.5), ("B", 0, 0, 0))),
    Prototype("copper-gold 3:1", "Pm-3m", (1, 1), CUBIC, (("A", 0, 0, 0), ("B", 0, 0.5, 0.5))),
    Prototype("copper-gold 1:1", "P4/mmm", (1, 1.31), CUBIC, (("A", 0, 0, 0), ("B", 0.5, 0.5, 0.5))),
    Prototype("aluminium boride", "P6/mmm", (1, 1.08), HEXAGONAL, (("A", 0, 0, 0), ("B", T, 2 * T, 0.5))),
    Prototype("thorium-chromium silicide", "I4/mmm", (1, 2.5), CUBIC,
              (("A", 0, 0, 0), ("B", 0, 0.5, 0.25), ("X", 0, 0, 0.375))),
    Prototype("potassium hexachloroplatinate", "Fm-3m", (1, 1), CUBIC,
              (("A", 0.25, 0.25, 0.25), ("B", 0, 0, 0), ("X", 0.24, 0, 0))),
    Prototype("sodium ferrite", "R-3m", (1, 5.3), HEXAGONAL, (("A", 0, 0, 0.5), ("B", 0, 0, 0), ("X", 0, 0, 0.23))),
    Prototype("chalcopyrite", "I-42d", (1, 2), CUBIC, (("A", 0, 0, 0), ("B", 0, 0, 0.5), ("X", 0.25, 0.25, 0.125))),
)  # fmt: skip


@dataclass(frozen=True)
class Geometry:
    """A prototype in a cell of ``edges`` (3,), Å: ``multiplicities`` of its sites, and of each the distance to the
    closest atom of each other (s, s), Å.
    """

    number: int
    edges: tuple[float, float, float]
    multiplicities: tuple[int, ...]
    closest: NDArray[np.float64]


@functools.cache
def geometry_of(prototype: Prototype) -> Geometry:
    """In a cell whose first edge is 10 Å."""
    group = space_group_of(prototype.group)
    assert group is not None
    edges = (10.0, 10.0 * prototype.edges[0], 10.0 * prototype.edges[1])
    lattice = lattice_of((*edges, *prototype.angles))
    places = [orbit(prototype.group, place, lattice) for _, *place in prototype.sites]
    closest = np.array([
        [distances_to(place, images, lattice).min() for images in places] for _, *place in prototype.sites
    ])  # fmt: skip
    return Geometry(group.number, edges, tuple(map(len, places)), closest)


def substitute(prototype: Prototype, letters: Mapping[str, str]) -> Crystal | None:
    """The prototype with the elements of its letters, and edges so that the closest atoms touch.

    None if an atom then has no neighbour by CrystaLLM's rule.
    """
    geometry, symbols = geometry_of(prototype), [letters[letter] for letter, *_ in prototype.sites]
    sums = np.array([[expected_length(one, other) for other in symbols] for one in symbols])
    ratios = geometry.closest / sums
    if (ratios.min(axis=1) / ratios.min() >= 1 + TOLERANCE).any():
        return None
    a, b, c = (edge / float(ratios.min()) for edge in geometry.edges)
    sites = [
        Site(symbol, multiplicity, (x, y, z))
        for symbol, multiplicity, (_, x, y, z) in zip(symbols, geometry.multiplicities, prototype.sites, strict=True)
    ]
    return Crystal(prototype.group, geometry.number, (a, b, c, *prototype.angles), sites)


def write_crystal(crystal: Crystal) -> str:
    """The text in CrystaLLM's form, of one line after the other, with its last line's end."""
    counts = crystal.composition
    known = elements()
    order = sorted(counts, key=lambda symbol: (known[symbol].electronegativity, symbol))
    whole = Counter({symbol: counts[symbol] for symbol in order})
    simplest = reduced(whole)
    structural = "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in simplest.items())
    a, b, c, alpha, beta, gamma = crystal.cell
    properties = [
        f"{symbol} {known[symbol].electronegativity:.4f} {known[symbol].radius:.4f} {known[symbol].ionic:.4f}"
        for symbol in order
    ]
    sites = sorted(crystal.sites, key=lambda site: order.index(site.element))
    atoms = [
        f"{site.element} {site.element}{number} {site.multiplicity} {' '.join(f'{x:.4f}' for x in site.place)} 1"
        for number, site in enumerate(sites)
    ]
    lines = [
        "data_" + "".join(f"{symbol}{count}" for symbol, count in whole.items()),
        "loop_", "_atom_type_symbol", "_atom_type_electronegativity", "_atom_type_radius", "_atom_type_ionic_radius",
        *properties,
        f"_symmetry_space_group_name_H-M {crystal.group}",
        f"_cell_length_a {a:.4f}", f"_cell_length_b {b:.4f}", f"_cell_length_c {c:.4f}",
        f"_cell_angle_alpha {alpha:.4f}", f"_cell_angle_beta {beta:.4f}", f"_cell_angle_gamma {gamma:.4f}",
        f"_symmetry_Int_Tables_number {crystal.number}",
        f"_chemical_formula_structural {structural}",
        f"_chemical_formula_sum '{' '.join(f'{symbol}{count}' for symbol, count in whole.items())}'",
        f"_cell_volume {gemmi.UnitCell(*crystal.cell).volume:.4f}",
        f"_cell_formula_units_Z {math.gcd(*whole.values())}",
        "loop_", "_symmetry_equiv_pos_site_id", "_symmetry_equiv_pos_as_xyz", "1 'x, y, z'",
        "loop_", "_atom_site_type_symbol", "_atom_site_label", "_atom_site_symmetry_multiplicity",
        "_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy",
        *atoms,
    ]  # fmt: skip
    return "\n".join([*lines, ""])


def write_crystals(seed: int, count: int) -> list[str]:
    """So many different crystals by the seed, whose atoms have neighbours by CrystaLLM's rule."""
    drawing = random.Random(f"{seed} crystals")
    found: dict[str, None] = {}
    while len(found) < count:
        prototype = drawing.choice(PROTOTYPES)
        chosen = dict(zip("ABC", drawing.sample(METALS, 3), strict=True)) | {"X": drawing.choice(ANIONS)}
        crystal = substitute(prototype, chosen)
        if crystal is not None:
            found[write_crystal(crystal)] = None
    return list(found)
