"""Whether a SMILES string is a molecule: its grammar, its rings, its aromatic bonds and every atom's valence.

For what MOSES' strings are written with: the elements of ``VALENCES``, no stereochemistry, no dots. The grammar is that
of OpenSMILES 1.0. It follows what RDKit takes and refuses (README.md says how far). It is stricter where RDKit rewrites
what it reads, such as nitrogen of five bonds, and laxer with double bonds that are written within aromatic rings.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

VALENCES = {"H": 1, "B": 3, "C": 4, "N": 3, "O": 2, "F": 1, "S": 6, "Cl": 1, "Br": 1}
"""Bonds that an atom may have at most."""
AFTER = {"B": "C", "C": "N", "N": "O", "O": "F", "S": "Cl"}
"""The element that an atom with one electron more has the valence of."""
AROMATIC = {"c": "C", "n": "N", "o": "O", "s": "S"}
BONDS = {"-": 1, "=": 2, "#": 3}
TOKEN = re.compile(r"Cl|Br|[BCNOFS]|[cnos]|\[[^\[\]]*\]|[-=#()]|[1-9]")
BRACKET = re.compile(r"\[[1-9]?[0-9]*(Cl|Br|[HBCNOFS]|[cnos])(H[1-9]?)?(-[1-9]?)?\]")


class NoMoleculeError(ValueError):
    """Why a string is no molecule."""


@dataclass
class Atom:
    """An atom by its element; ``hydrogens`` is None where as many are meant as there is room for."""

    element: str
    aromatic: bool
    hydrogens: int | None = None
    electrons: int = 0
    """Beyond the neutral atom's."""
    bonds: dict[int, int | None] = field(default_factory=dict)
    """Orders by the other atom's number; None where nothing is written."""


def check_molecule(smiles: str) -> None:
    """Raise NoMoleculeError unless the string is a molecule."""
    atoms = read_atoms(smiles)
    settle_bonds(atoms)
    set_double_bonds(atoms)
    for atom in atoms:
        element = atom.element
        for _ in range(atom.electrons):
            element = AFTER.get(element, "")
        most, found = VALENCES.get(element, 0), sum(order or 1 for order in atom.bonds.values())
        if found + (atom.hydrogens or 0) > most:
            raise NoMoleculeError(f"an atom of {atom.element} has {found + (atom.hydrogens or 0)} bonds of {most}")


def is_molecule(smiles: str) -> bool:
    """Whether the string is a molecule."""
    try:
        check_molecule(smiles)
    except NoMoleculeError:
        return False
    return True


def read_atoms(smiles: str) -> list[Atom]:
    """The atoms with their bonds as they are written. Raises NoMoleculeError."""
    atoms: list[Atom] = []
    open_rings: dict[str, tuple[int, int | None]] = {}
    branches: list[int] = []
    last, bond, end, before = -1, None, 0, "("
    for match in TOKEN.finditer(smiles):
        if match.start() != end:
            break
        token, end = match.group(), match.end()
        if token in BONDS:
            if bond is not None or last < 0:
                raise NoMoleculeError(f"a bond {token} that begins at no atom")
            bond = BONDS[token]
        elif token in "()":
            if bond is not None or last < 0 or before == "(" or (token == ")" and not branches):
                raise NoMoleculeError(f"a {token} that cannot stand there")
            if token == "(":
                branches.append(last)
            else:
                last = branches.pop()
        elif token.isdigit():
            if last < 0 or before == "(":
                raise NoMoleculeError("a ring's number that follows no atom")
            if token in open_rings:
                other, written = open_rings.pop(token)
                if None not in (bond, written) and bond != written:
                    raise NoMoleculeError(f"ring {token} is closed by another bond than it was opened with")
                connect(atoms, other, last, bond if written is None else written)
            else:
                open_rings[token] = last, bond
            bond = None
        else:
            atoms.append(read_atom(token))
            if last >= 0:
                connect(atoms, last, len(atoms) - 1, bond)
            last, bond = len(atoms) - 1, None
        before = token
    if end != len(smiles):
        raise NoMoleculeError(f"{smiles[end]!r} is no part of a molecule")
    if not atoms or bond is not None or branches or open_rings or before == "(":
        raise NoMoleculeError("it ends within a bond, a branch or a ring")
    return atoms


def read_atom(token: str) -> Atom:
    """An atom as it is written. Raises NoMoleculeError."""
    if not token.startswith("["):
        return Atom(AROMATIC.get(token, token), token in AROMATIC)
    match = BRACKET.fullmatch(token)
    if match is None:
        raise NoMoleculeError(f"{token} is no atom")
    symbol, hydrogens, charge = match.groups()
    count = int(hydrogens[1:] or 1) if hydrogens else 0
    return Atom(AROMATIC.get(symbol, symbol), symbol in AROMATIC, count, int(charge[1:] or 1) if charge else 0)


def connect(atoms: list[Atom], first: int, second: int, order: int | None) -> None:
    """Bind two atoms. Raises NoMoleculeError if they are bound already, or are one."""
    if first == second or second in atoms[first].bonds:
        raise NoMoleculeError("a ring of one or two atoms")
    atoms[first].bonds[second] = atoms[second].bonds[first] = order


def settle_bonds(atoms: list[Atom]) -> None:
    """Give every bond that is not written its order: None stays between two aromatic atoms of a ring, else 1.

    Raises NoMoleculeError for an aromatic atom that is in no ring.
    """
    rings = ring_bonds(atoms)
    for number, atom in enumerate(atoms):
        if atom.aromatic and not any(other in rings[number] for other in atom.bonds):
            raise NoMoleculeError(f"an aromatic {atom.element} is in no ring")
        for other, order in atom.bonds.items():
            if order is None and not (atom.aromatic and atoms[other].aromatic and other in rings[number]):
                atom.bonds[other] = 1


def ring_bonds(atoms: list[Atom]) -> dict[int, set[int]]:
    """Each atom's neighbours by a bond that is part of a ring: one that is no bridge (Tarjan 1974)."""
    found: dict[int, set[int]] = defaultdict(set)
    order: dict[int, int] = {0: 0}
    lowest = {0: 0}
    stack = [(0, -1, iter(list(atoms[0].bonds)))]
    while stack:
        atom, parent, others = stack[-1]
        for other in others:
            if other == parent:
                continue
            if other in order:
                lowest[atom] = min(lowest[atom], order[other])
                found[atom].add(other)
                found[other].add(atom)
            else:
                order[other] = lowest[other] = len(order)
                stack.append((other, atom, iter(list(atoms[other].bonds))))
                break
        else:
            stack.pop()
            if parent >= 0:
                lowest[parent] = min(lowest[parent], lowest[atom])
                if lowest[atom] <= order[parent]:
                    found[atom].add(parent)
                    found[parent].add(atom)
    return found


def set_double_bonds(atoms: list[Atom]) -> None:
    """Give aromatic bonds the orders 1 and 2 (a Kekulé structure). Raises NoMoleculeError if there is none.

    Carbon that has no other double bond, nitrogen of two neighbours and sulphur of three take part in exactly one.
    """
    needing = {number for number, atom in enumerate(atoms) if atom.aromatic and needs_double_bond(atom)}
    free = {
        number: {other for other, order in atoms[number].bonds.items() if order is None and other in needing}
        for number in needing
    }
    pairs = pair_all(free)
    if pairs is None:
        raise NoMoleculeError("the aromatic bonds have no Kekulé structure")
    for first, second in pairs:
        atoms[first].bonds[second] = atoms[second].bonds[first] = 2


def needs_double_bond(atom: Atom) -> bool:
    """Whether an aromatic atom has one of the ring's double bonds. One with no aromatic bond is as any other."""
    orders = atom.bonds.values()
    written = sum(order or 1 for order in orders) + (atom.hydrogens or 0)
    if None not in orders or 2 in orders or 3 in orders:
        return False
    if atom.element == "C":
        return written < VALENCES["C"] - atom.electrons
    if atom.element == "S":
        # Of two, four or six bonds.
        return written % 2 == 1
    return atom.element == "N" and not atom.electrons and written < VALENCES["N"]


def pair_all(free: dict[int, set[int]]) -> list[tuple[int, int]] | None:
    """Pairs of neighbours that together are all of them; None if there are none such."""
    if not free:
        return []
    # Whoever has the fewest choices first: mostly one.
    first = min(free, key=lambda number: len(free[number]))
    for second in free[first]:
        rest = {number: free[number] - {first, second} for number in free if number not in (first, second)}
        pairs = pair_all(rest)
        if pairs is not None:
            return [(first, second), *pairs]
    return None
