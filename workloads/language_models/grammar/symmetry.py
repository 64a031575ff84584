"""All symmetry that the atoms of a crystal have, whatever group is stated: what spglib looks for, by the same steps.

Translations first, which make the smallest cell; then rotations of its lattice; then, of each rotation, the
translations that take the atoms to atoms of their kinds.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CLOSE = 0.1
"""Å within which an atom is where a symmetry takes another; CrystaLLM's, for spglib."""
FIRST = 4
"""Atoms of each kind that are looked at before all others."""
FURTHER = np.array(list(itertools.product((-2, -1, 0, 1, 2), repeat=3)), float)
"""Whole edges up to two each way."""


def count_symmetries(lattice: Floats, places: Sequence[Floats]) -> int:
    """Symmetries that take a crystal to itself, those apart by a translation of the cell ``lattice`` counted once.

    ``lattice`` (3, 3) has the edges as columns, Å; ``places`` are those of each kind of atom (m, 3), fractions of the
    edges.
    """
    rarest = min(range(len(places)), key=lambda kind: len(places[kind]))
    moves = [shift for shift in places[rarest] - places[rarest][0] if maps(np.eye(3), shift, places, lattice)]
    smallest = reduced_basis(lattice, np.stack(moves))
    inward = np.linalg.inv(smallest) @ lattice
    within = [different(found @ inward.T, smallest) for found in places]
    found = 0
    for rotation in lattice_rotations(smallest):
        shifts = within[rarest] - rotation @ within[rarest][0]
        found += sum(maps(rotation, shift, within, smallest) for shift in shifts)
    return found * len(moves)


def maps(rotation: Floats, shift: Floats, places: Sequence[Floats], lattice: Floats) -> bool:
    """Whether every atom is taken to a place of its kind."""
    # Of most that are none, the first atoms tell.
    for some in (slice(FIRST), slice(FIRST, None)):
        for found in places:
            apart = (found[some] @ rotation.T + shift)[:, None] - found[None]
            apart -= np.rint(apart)
            if (np.square(apart @ lattice.T).sum(-1).min(1) > CLOSE**2).any():
                return False
    return True


def different(places: Floats, lattice: Floats) -> Floats:
    """The places (m, 3) of which none is another but for whole edges."""
    kept: list[Floats] = []
    for place in places % 1.0:
        apart = np.array([place - other for other in kept]).reshape(-1, 3)
        apart -= np.rint(apart)
        if (np.linalg.norm(apart @ lattice.T, axis=1) > CLOSE).all():
            kept.append(place)
    return np.stack(kept)


def reduced_basis(lattice: Floats, moves: Floats) -> Floats:
    """The shortest edges (3, 3), as columns, of the lattice that a cell and translations (k, 3) within it make.

    Raises ValueError for a cell that is flat within 0.1 Å.
    """
    vectors = (moves[:, None] + FURTHER[None]).reshape(-1, 3) @ lattice.T
    lengths = np.linalg.norm(vectors, axis=1)
    order = np.argsort(lengths)
    vectors = vectors[order][lengths[order] > CLOSE]
    # In three dimensions the shortest independent vectors are a basis (Minkowski).
    first = vectors[0]
    second = next(
        (one for one in vectors if np.linalg.norm(np.cross(first, one)) > CLOSE * np.linalg.norm(first)), first
    )
    plane = np.cross(first, second)
    third = next((one for one in vectors if abs(plane @ one) > CLOSE * np.linalg.norm(plane)), None)
    if third is None:
        raise ValueError("its cell is flat")
    shortest = np.stack([first, second, third], axis=1)
    # Of a slanted cell shorter ones may be further away.
    settled = np.linalg.norm(shortest, axis=0).sum() > np.linalg.norm(lattice, axis=0).sum() - CLOSE
    return shortest if settled else reduced_basis(shortest, np.zeros((1, 3)))


def lattice_rotations(lattice: Floats) -> list[Floats]:
    """The rotations and reflections (3, 3) of whole numbers that take a lattice with shortest edges to itself."""
    vectors = FURTHER @ lattice.T
    edges = np.linalg.norm(lattice, axis=0)
    # Each edge goes to a vector as long, and they keep their angles.
    images = [np.flatnonzero(abs(np.linalg.norm(vectors, axis=1) - edge) < CLOSE) for edge in edges]
    products, wanted = vectors @ vectors.T, lattice.T @ lattice
    allowed = CLOSE * (edges[:, None] + edges[None])
    found = []
    for one in images[0]:
        for two in images[1]:
            if abs(products[one, two] - wanted[0, 1]) > allowed[0, 1]:
                continue
            for three in images[2]:
                both = (products[one, three] - wanted[0, 2], products[two, three] - wanted[1, 2])
                if (np.abs(both) <= allowed[:2, 2]).all():
                    rotation = np.stack([FURTHER[one], FURTHER[two], FURTHER[three]], axis=1)
                    if abs(abs(np.linalg.det(rotation)) - 1) < 0.5:
                        found.append(rotation)
    return found
