"""What tells different molecules apart, however each is written: for counting different ones among many.

RDKit's canonical strings do that exactly, where it is installed. Here it is what each atom sees around it, refined
until no further atoms differ (Weisfeiler and Leman 1968): the same for all strings of a molecule.
"""

from __future__ import annotations

from workloads.language_models.grammar.smiles import Atom, read_atoms, ring_bonds, settle_bonds


def identity_of(smiles: str) -> int:
    """A number that is the same for all of a molecule's strings, and for hardly any other molecule's.

    Aromatic rings have to be written in small letters, as MOSES has them. Raises NoMoleculeError.
    """
    atoms = read_atoms(smiles)
    settle_bonds(atoms)
    rings = ring_bonds(atoms)
    kept = {number: atom for number, atom in enumerate(atoms) if atom.element != "H" or len(atoms) < 3}
    bonds = {
        number: [(other, (order or 0, other in rings[number])) for other, order in atom.bonds.items() if other in kept]
        for number, atom in kept.items()
    }
    colours = {number: hash((*properties_of(atom, atoms), len(rings[number]))) for number, atom in kept.items()}
    different = 0
    while len(set(colours.values())) > different:
        different = len(set(colours.values()))
        colours = {
            number: hash((colours[number], *sorted(hash((bond, colours[other])) for other, bond in around)))
            for number, around in bonds.items()
        }
    return hash(tuple(sorted(colours.values())))


def properties_of(atom: Atom, atoms: list[Atom]) -> tuple[int, bool, int, int]:
    """Element, aromaticity, charge, and the hydrogens that have to be written. Numbers alone: their hashes stay."""
    element = int.from_bytes(atom.element.encode(), "big")
    written = 0 if atom.hydrogens is None else atom.hydrogens + sum(atoms[other].element == "H" for other in atom.bonds)
    return element, atom.aromatic, atom.electrons, written
