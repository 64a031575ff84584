"""What is a molecule: by grammar, rings, aromatic bonds and valences."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from workloads.language_models.grammar.identity import identity_of
from workloads.language_models.grammar.likeness import by_atoms, by_bonds
from workloads.language_models.grammar.smiles import NoMoleculeError, check_molecule, is_molecule
from workloads.language_models.making.molecules import KEPT_APART, RINGS, write_molecules

PUBLISHED = [
    "CC1C2CCC(C2)C1CN(CCO)C(=O)c1ccc(Cl)cc1", "COc1ccccc1OC(=O)c1ccccc1OC(C)=O",
    "CCCS(=O)c1ccc2[nH]c(=NC(=O)OC)[nH]c2c1", "COc1ccc(-c2cc(=O)c3c(O)c(OC)c(OC)cc3o2)cc1O",
    "CCOC(=O)c1ncn2c1CN(C)C(=O)c1cc(F)ccc1-2", "N#Cc1cn2ccsc2n1", "[H]C(=O)c1ccccc1", "O=S(=O)(Nc1nccs1)c1ccc(Br)cc1",
]  # fmt: skip


@pytest.mark.parametrize("smiles", PUBLISHED)
def test_a_published_molecule_is_one(smiles: str) -> None:
    check_molecule(smiles)


@pytest.mark.parametrize(
    ("smiles", "why"),
    [
        ("", "ends within"),
        ("CC(", "ends within"),
        ("CC(C", "ends within"),
        ("C1CC", "ends within"),
        ("CC=", "ends within"),
        ("=CC", "begins at no atom"),
        ("C==C", "begins at no atom"),
        ("C()C", "cannot stand there"),
        ("(C)C", "cannot stand there"),
        ("CC)C", "cannot stand there"),
        ("CXC", "'X' is no part"),
        ("CrC", "'r' is no part"),
        ("C11", "one or two atoms"),
        ("C1C1", "one or two atoms"),
        ("C=1CCC-1", "another bond"),
        ("C(1CC1)", "follows no atom"),
        ("[nX]", "is no atom"),
        ("CC(C)(C)(C)C", "C has 5 bonds of 4"),
        ("C=O=C", "O has 4 bonds of 2"),
        ("CFC", "F has 2 bonds of 1"),
        ("CN(C)(C)C", "N has 4 bonds of 3"),
        ("cC", "in no ring"),
        ("c1cccc1", "no Kekulé structure"),
        ("c1ccc[nH]1C", "N has"),
        ("c1ccccc1(C)C", "no Kekulé structure"),
        ("C1=CC=CC=C1#N", "C has 6 bonds"),
    ],
)
def test_what_is_no_molecule_is_refused_with_its_reason(smiles: str, why: str) -> None:
    with pytest.raises(NoMoleculeError, match=why):
        check_molecule(smiles)


TAKEN = [
    "c1ccccc1", "c1cc[nH]c1", "c1ccoc1", "c1ccc2ccccc2c1", "O=c1cc[nH]cc1", "CC(C)1CC1", "Cs1cncs1", "[O-]C",
    "CCOc1ccc(-n2c(=O)c3[nH]c4ccccc4sc=3c2=O)cc1",
    "S(=O)(=O)(O)O",
]  # fmt: skip


@pytest.mark.parametrize("smiles", TAKEN)
def test_what_is_one_by_a_kekule_structure_a_charge_or_a_high_valence_is_taken(smiles: str) -> None:
    check_molecule(smiles)


def test_what_is_made_here_is_molecules_and_hardly_any_with_a_character_lost() -> None:
    made = write_molecules(1, "a test", 150)
    assert len(set(made)) == 150 and all(map(is_molecule, made)) and write_molecules(1, "a test", 20) == made[:20]
    assert all(map(is_molecule, write_molecules(1, "a test", 50, KEPT_APART))) and not set(RINGS) & set(KEPT_APART)
    drawing = random.Random(1)
    damaged = [text.replace(drawing.choice([c for c in text if c in "()123"] or ["C"]), "", 1) for text in made]
    marked = [text for text, before in zip(damaged, made, strict=True) if any(c in before for c in "()123")]
    assert sum(map(is_molecule, marked)) < 0.1 * len(marked)


WRITINGS = [
    ("CCO", "OCC", "C(O)C"),
    ("Cc1ccccc1O", "Oc1ccccc1C", "c1(C)c(O)cccc1"),
    ("[H]N=c1cccc[nH]1", "N=c1cccc[nH]1", "c1ccc[nH]c1=N"),
    ("[O-]C=O", "O=C[O-]"),
    ("C1CCC2CCCCC2C1", "C12CCCCC1CCCC2"),
    ("ClCC1=CCCCC1Br", "C1=C(CCl)C(Br)CCC1", "C=1(CCl)C(Br)CCCC1", "C=1(CCl)C(Br)CCCC=1", "BrC1CCCC=C1CCl"),
    ("N#CC(=O)c1ccsc1", "c1cscc1C(C#N)=O"),
]


@pytest.mark.parametrize("writings", WRITINGS)
def test_a_molecule_is_one_however_it_is_written(writings: tuple[str, ...]) -> None:
    assert len({identity_of(smiles) for smiles in writings}) == 1


def codes_of(*strings: str) -> np.ndarray:
    found = np.zeros((len(strings), 60), np.uint8)
    for row, text in zip(found, strings, strict=True):
        row[: len(text)] = np.frombuffer(text.encode(), np.uint8)
    return found


@pytest.mark.parametrize("likeness", [by_atoms, by_bonds])
def test_all_strings_of_a_molecule_have_one_likeness(likeness: Callable[[np.ndarray], np.ndarray]) -> None:
    for writings in WRITINGS:
        assert len(set(likeness(codes_of(*writings)).tolist())) == 1, writings
    firsts = likeness(codes_of(*(writings[0] for writings in WRITINGS)))
    assert len(set(firsts.tolist())) == len(WRITINGS)


def test_likenesses_see_atoms_rings_and_bonds() -> None:
    assert len(set(by_atoms(codes_of("CCO", "CCN", "CCCO", "C1CO1", "CCl", "CB", "CBr", "c1ccoc1")).tolist())) == 8
    # The same atoms, bound in other ways.
    assert len(set(by_bonds(codes_of("CCO", "COC", "CC=O", "C=CO", "C#CO", "OCC=C", "CC(Cl)Br")).tolist())) == 7
    # What is no molecule has a number, too.
    by_bonds(codes_of("))))C(", "(" * 60, "C1C1)(1=", ""))


def test_molecules_are_told_apart() -> None:
    alike = [
        "CCO",
        "COC",
        "CC=O",
        "C1CO1",
        "OC=C",
        "[O-]CC",
        "c1ccccc1",
        "C1CCCCC1",
        "c1cc[nH]c1",
        "c1ccnc1",
        "C1=CCCCC1",
    ]
    # Two rings that share a bond, and two that one joins: all atoms have the same neighbours.
    alike += ["C1CCC2CCCCC2C1", "C1CCCC1C1CCCC1"]
    assert len(set(map(identity_of, alike))) == len(alike)


def test_rdkit_tells_the_same_molecules_apart() -> None:
    rdkit = pytest.importorskip("rdkit.Chem", reason="RDKit is not installed: pip install rdkit")
    # Of hydrogen at sulphur RDKit writes whether it is there, and of any other molecule MOSES has none.
    molecules = [*PUBLISHED, *(one for one in write_molecules(1, "a test", 200) if one[0] != "S")]
    parsed = list(map(rdkit.MolFromSmiles, molecules))
    for smiles, molecule in zip(molecules, parsed, strict=True):
        assert identity_of(rdkit.MolToSmiles(molecule, doRandom=True)) == identity_of(smiles), smiles
    canonical = set(map(rdkit.MolToSmiles, parsed))
    assert len(set(map(identity_of, molecules))) == len(canonical)


def test_rdkit_thinks_so_too() -> None:
    rdkit = pytest.importorskip("rdkit.Chem", reason="RDKit is not installed: pip install rdkit")
    pytest.importorskip("rdkit.RDLogger").DisableLog("rdApp.*")
    drawing, characters = random.Random(1), "#()-123456=BCFHNOS[]clnors"
    texts = []
    for text in [*PUBLISHED, *write_molecules(1, "a test", 200)]:
        place = drawing.randrange(len(text))
        texts += [text, text[:place] + drawing.choice(characters) + text[place + drawing.randrange(2) :]]
    unlike = [text for text in texts if is_molecule(text) != (rdkit.MolFromSmiles(text) is not None)]
    assert len(unlike) < 0.02 * len(texts), unlike
