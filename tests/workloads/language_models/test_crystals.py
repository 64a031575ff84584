"""Crystals: CrystaLLM's tokens and form, its four tests, and prototypes that pass them."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workloads.language_models.datasets.crystals import FILES, CrystalsDataset, lines_of
from workloads.language_models.forms import FORMS
from workloads.language_models.grammar.crystals import (
    composition_of,
    elements,
    expected_length,
    judge_crystal,
    lattice_of,
    operations_of,
    orbit,
    reduced,
    space_group_of,
)
from workloads.language_models.making.crystals import PROTOTYPES, substitute, write_crystal, write_crystals
from workloads.language_models.rows import Documents
from workloads.language_models.vocabulary import UnknownTokenError
from workloads.runtime.dataset import tell_nobody
from workloads.runtime.errors import DatasetError

TOKENS = FORMS["crystals"].vocabulary
SALT = {"A": "Na", "B": "Ti", "C": "Fe", "X": "Cl"}


def words_of(text: str) -> list[str]:
    return [TOKENS.tokens[token] for token in TOKENS.encode_all([text])[0]]


def test_there_are_crystallms_tokens_by_its_numbers() -> None:
    assert len(TOKENS.tokens) == len(set(TOKENS.tokens)) == 371
    first = {"Si": 0, "Ar": 88, "0": 89, "_cell_length_b": 99, "_atom_type_oxidation_number": 129, "x": 130, "\n": 142}
    assert {token: TOKENS.tokens.index(token) for token in first} == first
    assert TOKENS.tokens[143] == "P6/mmm_sg" and TOKENS.tokens[-2:] == ("Cmme_sg", "<unk>")


def test_a_text_is_read_as_crystallms_own_test_reads_it() -> None:
    text = "data_Pm1Co3\nPm 1.13\n_symmetry_space_group_name_H-M    Pm\n_chemical_formula_sum 'Pm1 Co3'\nPm Pm0 1\n"
    assert words_of(text) == [
        "data_", "Pm", "1", "Co", "3", "\n", "Pm", " ", "1", ".", "1", "3", "\n",
        "_symmetry_space_group_name_H-M", " ", "Pm_sg", "\n",
        "_chemical_formula_sum", " ", "'", "Pm", "1", " ", "Co", "3", "'", "\n",
        "Pm", " ", "Pm", "0", " ", "1", "\n", "\n",
    ]  # fmt: skip
    assert TOKENS.decode(TOKENS.encode_all([text])[0].tolist()) == text.replace("    ", " ") + "\n"


@pytest.mark.parametrize("group", ["P1", "Pm-3m", "Pmn2_1", "I4/m", "P6_3/mmc", "Cmce"])
def test_a_space_group_is_one_token(group: str) -> None:
    assert words_of(f"data_C1\n_symmetry_space_group_name_H-M {group}\n")[6:8] == [f"{group}_sg", "\n"]


def test_what_is_no_token_is_named() -> None:
    with pytest.raises(UnknownTokenError, match="'Rn1' is no token") as caught:
        TOKENS.encode_all(["data_Na1\n", "data_Rn1\n"])
    assert caught.value.document == 1


def test_a_prompt_is_a_composition() -> None:
    assert TOKENS.decode(TOKENS.begin("Na4Cl4\n").tolist()) == "data_Na4Cl4\n"


def test_every_group_of_the_vocabulary_is_known() -> None:
    groups = [token.removesuffix("_sg") for token in TOKENS.tokens if token.endswith("_sg")]
    assert len(groups) == 227 and all(space_group_of(group) is not None for group in groups)
    # Of two origins the second; of rhombohedral groups hexagonal axes: they have thrice the translations.
    assert len(operations_of("Fm-3m")[0]) == 192 and len(operations_of("R-3m")[0]) == 36


@pytest.mark.parametrize(
    ("formula", "atoms"),
    [
        ("Na4 Cl4", {"Na": 4, "Cl": 4}),
        ("LiFePO4", {"Li": 1, "Fe": 1, "P": 1, "O": 4}),
        ("Ca(NO3)2", {"Ca": 1, "N": 2, "O": 6}),
    ],
)
def test_a_formula_is_counted(formula: str, atoms: dict[str, int]) -> None:
    assert dict(composition_of(formula)) == atoms


@pytest.mark.parametrize("formula", ["", "na", "Na)", "(Na", "4", "Na-Cl"])
def test_what_is_no_formula_is_refused(formula: str) -> None:
    with pytest.raises(ValueError, match="is no formula"):
        composition_of(formula)


def test_bonds_have_the_radii_of_ions_or_of_atoms() -> None:
    sodium, chlorine, iron = (elements()[symbol] for symbol in ("Na", "Cl", "Fe"))
    assert expected_length("Na", "Cl") == expected_length("Cl", "Na") == sodium.cationic + chlorine.anionic
    assert expected_length("Na", "Fe") == sodium.radius + iron.radius
    assert reduced(composition_of("Na4 Cl6")) == {"Na": 2, "Cl": 3}


SIMPLE = PROTOTYPES[0]


def simple() -> str:
    crystal = substitute(SIMPLE, SALT)
    assert crystal is not None
    return write_crystal(crystal)


def test_rock_salt_is_written_as_crystallm_has_it() -> None:
    lines = simple().split("\n")
    assert lines[:7] == [
        "data_Na4Cl4", "loop_", "_atom_type_symbol", "_atom_type_electronegativity", "_atom_type_radius",
        "_atom_type_ionic_radius", "Na 0.9300 1.8000 1.1600",
    ]  # fmt: skip
    assert lines[-3:] == ["Na Na0 4 0.0000 0.0000 0.0000 1", "Cl Cl1 4 0.0000 0.0000 0.5000 1", ""]
    # Ions of 1.16 and 1.67 Å touch along the edge.
    assert "_cell_length_a 5.6600" in lines and "_chemical_formula_sum 'Na4 Cl4'" in lines


@pytest.mark.parametrize("prototype", PROTOTYPES, ids=lambda prototype: prototype.name)
def test_a_prototype_passes_all_tests(prototype: Any) -> None:
    letters = next(
        {"A": a, "B": b, "C": c, "X": x}
        for a in ("Ca", "Mg", "Ti", "Al") for b in ("Ti", "Al", "Fe") for c in ("Sn", "Zn") for x in ("O", "S", "As")
        if substitute(prototype, {"A": a, "B": b, "C": c, "X": x}) is not None
    )  # fmt: skip
    crystal = substitute(prototype, letters)
    assert crystal is not None and all(judge_crystal(write_crystal(crystal)).values())


@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        ("data_Na4Cl4", "data_Na4Cl3", {"formula"}),
        ("structural NaCl", "structural NaCl2", {"formula"}),
        ("Na Na0 4 ", "Na Na0 2 ", {"multiplicity"}),
        ("Cl Cl1 4 0.0000 0.0000 0.5000", "Cl Cl1 4 0.0000 0.0000 0.3500", {"multiplicity", "bonds"}),
        ("_cell_length_c 5.6600", "_cell_length_c 6.1000", {"space_group"}),
        ("_symmetry_Int_Tables_number 225", "_symmetry_Int_Tables_number 221", {"space_group"}),
        (" 5.6600", " 8.0000", {"bonds"}),
        (" 5.6600", " 3.5000", {"bonds"}),
        ("_cell_length_a 5.6600", "_cell_length_a 5.6.6", {"formula", "multiplicity", "bonds", "space_group"}),
        ("loop_\n_atom_site_type", "loop_\n_atom_sit_type", {"formula", "multiplicity", "bonds", "space_group"}),
        ("Cl1 4 0.0", "Cl1 4 'x", {"formula", "multiplicity", "bonds", "space_group"}),
    ],
)  # fmt: skip
def test_each_test_fails_of_what_it_is_for(old: str, new: str, failed: set[str]) -> None:
    text = simple()
    assert old in text and all(judge_crystal(text).values())
    assert {test for test, passed in judge_crystal(text.replace(old, new)).items() if not passed} == failed


def test_spglib_finds_the_stated_group_of_prototypes() -> None:
    spglib = pytest.importorskip("spglib", reason="spglib is not installed: pip install spglib")
    for prototype in PROTOTYPES:
        crystal = substitute(prototype, {"A": "Ca", "B": "Ti", "C": "Sn", "X": "O"})
        if crystal is None:
            continue
        lattice = lattice_of(crystal.cell)
        places = [orbit(crystal.group, site.place, lattice) for site in crystal.sites]
        kinds = np.repeat(np.arange(len(places)), [len(images) for images in places])
        found = spglib.get_spacegroup((lattice.T, np.concatenate(places), kinds), symprec=0.1)
        assert found == f"{crystal.group} ({crystal.number})", prototype.name


def test_crystals_are_made_by_the_seed_and_differ() -> None:
    made = write_crystals(1, 60)
    assert len(set(made)) == 60 and write_crystals(1, 10) == made[:10] and write_crystals(2, 1) != made[:1]
    assert all(all(judge_crystal(text).values()) for text in made[::6])


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "source": "stand-in", "version": "t", "split": "test", "preset": "t", "seed": 1, "documents": 30,
        "training_documents": None, "evaluation_documents": None, "longest": 384, "longer": "refuse", **changes,
    }  # fmt: skip


def test_made_archives_are_read_as_the_published_ones(tmp_path: Path) -> None:
    made = CrystalsDataset(settings())
    made.write_published(tmp_path, tell_nobody, 1)
    assert [len(part.texts) for part in made.parts_of(tmp_path).values()] == [30, 8]
    made.convert(tmp_path, tmp_path / "made")
    documents = Documents(tmp_path / "made", "evaluation")
    text = TOKENS.decode(documents.read(np.array([3]))[0, : documents.lengths[3]].tolist())
    assert text == write_crystals(1, 38)[33] + "\n" and documents.characters[3] == len(text) - len("data_")


def test_a_published_text_is_stripped_as_crystallm_strips_it() -> None:
    raw = "# generated using pymatgen\ndata_C1\n\n_cell_length_a   3.0\n  C  C0  1  0.5  1\n"
    assert lines_of(raw) == "data_C1\n_cell_length_a   3.0\nC  C0  1  0.5  1\n"


class Command:
    def __reduce__(self) -> Any:
        return print, ("a program",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(pickle.dumps([("1", Command())])), "which no text needs"),
        (gzip.compress(pickle.dumps([("1", "data_C1\n")]))[:-4], "is not a whole archive"),
        (gzip.compress(pickle.dumps([1, 2])), "no list of pairs"),
        (gzip.compress(pickle.dumps([("1", "loop_\n")])), "structure 0: it begins with 'loop_"),
        (gzip.compress(pickle.dumps([("1", "data_C1\n"), ("2", "data_Rn1\n")])), "structure 1: 'Rn1' is not"),
        (None, "does not exist; get it from zenodo"),
    ],
    ids=["a command", "cut off", "numbers", "no CIF", "an unknown element", "missing"],
)  # fmt: skip
def test_an_archive_that_is_none_is_refused(content: bytes | None, words: str, tmp_path: Path) -> None:
    made = CrystalsDataset(settings())
    made.write_published(tmp_path, tell_nobody, 1)
    path = tmp_path / FILES["training"]
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        made.convert(tmp_path, tmp_path / "made")
