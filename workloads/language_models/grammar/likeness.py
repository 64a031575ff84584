"""A number that all strings of a molecule share, and few other molecules: of a million strings at once.

``identity_of`` tells molecules apart, and takes 150 µs of each string (AMD EPYC). Which of many strings may be one of a
few molecules is found first by what can be added up over all of them column by column: atoms, then their bonds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
CODES = 128
"""Of ASCII."""
ATOMS = "BCNOFScnos"
HYDROGEN = len(ATOMS) + 1
"""An explicit one, which may be written or not: nothing is counted of it."""
CHLORINE, BROMINE, KINDS = HYDROGEN + 1, HYDROGEN + 2, HYDROGEN + 3
RINGS, ORDERS = 10, 4
_draw = np.random.default_rng(0)
_SINGLE = _draw.integers(1 << 63, size=CODES, dtype=np.uint64)
_PAIRS = _draw.integers(1 << 63, size=(ORDERS, KINDS, KINDS), dtype=np.uint64)
_PAIRS = _PAIRS + _PAIRS.transpose(0, 2, 1)
_PAIRS[:, [0, HYDROGEN]], _PAIRS[:, :, [0, HYDROGEN]] = 0, 0
_KIND_OF = np.zeros(CODES, np.uint8)
_KIND_OF[[ord(atom) for atom in ATOMS]] = np.arange(1, HYDROGEN)
_ORDER_OF = np.zeros(CODES, np.uint8)
_ORDER_OF[[ord("="), ord("#")]] = 2, 3


def by_atoms(codes: npt.NDArray[np.uint8]) -> Keys:
    """Numbers (n,) of strings in ASCII (n, w), zeros around: by their atoms and how many rings."""
    weights = np.zeros(CODES, np.uint64)
    for counted in f"{ATOMS}lr":
        weights[ord(counted)] = _SINGLE[ord(counted)]
    for digit in "123456789":
        weights[ord(digit)] = _SINGLE[ord("1")]
    found: Keys = np.zeros(len(codes), np.uint64)
    for column in codes.T:
        found += weights[column]
    return found


def by_bonds(codes: npt.NDArray[np.uint8]) -> Keys:
    """Numbers (n,) of molecules' strings in ASCII (n, w), zeros around: by which kinds of atom are bound, and whether
    by a double or triple bond. Those that are written or meant as single or aromatic ones count alike.
    """
    count, width = codes.shape
    found: Keys = np.zeros(count, np.uint64)
    last, depth = np.zeros(count, np.uint8), np.zeros(count, np.int64)
    branches = np.zeros((count, width), np.uint8)
    rings, orders = np.zeros((count, RINGS), np.uint8), np.zeros((count, RINGS), np.uint8)
    order = np.zeros(count, np.uint8)
    before, inside = np.zeros(count, np.uint8), np.zeros(count, bool)
    for place in range(width):
        code = codes[:, place]
        after = codes[:, place + 1] if place + 1 < width else np.zeros(count, np.uint8)
        kind = _KIND_OF[code]
        kind[(code == ord("C")) & (after == ord("l"))] = CHLORINE
        kind[(code == ord("B")) & (after == ord("r"))] = BROMINE
        kind[(code == ord("H")) & (before == ord("["))] = HYDROGEN
        atoms = np.flatnonzero(kind)
        found[atoms] += _PAIRS[order[atoms], last[atoms], kind[atoms]]
        last[atoms] = kind[atoms]
        opened = np.flatnonzero(code == ord("("))
        branches[opened, depth[opened]] = last[opened]
        depth[opened] += 1
        # Of a string that is no molecule more may be closed than was opened.
        closed = np.flatnonzero((code == ord(")")) & (depth > 0))
        depth[closed] -= 1
        last[closed] = branches[closed, depth[closed]]
        inside |= code == ord("[")
        inside &= code != ord("]")
        numbered = np.flatnonzero((code >= ord("1")) & (code <= ord("9")) & ~inside)
        ring = code[numbered] - ord("0")
        # Where it is opened nothing is bound yet; its order may be written at either end, or at both.
        opener = rings[numbered, ring]
        found[numbered] += _PAIRS[np.maximum(orders[numbered, ring], order[numbered]), opener, last[numbered]]
        rings[numbered, ring] = np.where(opener == 0, last[numbered], 0)
        orders[numbered, ring] = np.where(opener == 0, order[numbered], 0)
        order = _ORDER_OF[code]
        before = code
    return found
