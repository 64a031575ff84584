"""Crystals: CrystaLLM's tokens and form, its four tests, and prototypes that pass them."""

from __future__ import annotations

import gzip
import pickle
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workloads.language_models.datasets.crystals import FILES, CrystalsDataset, lines_of
from workloads.language_models.drawing import atoms_drawn
from workloads.language_models.forms import FORMS
from workloads.language_models.grammar.crystals import (
    Crystal,
    Site,
    composition_of,
    distances_to,
    expected_length,
    has_bonds,
    has_no_other_symmetry,
    judge_crystal,
    lattice_of,
    operations_of,
    orbit,
    passes,
    reduced,
    space_group_of,
)
from workloads.language_models.grammar.elements import elements
from workloads.language_models.grammar.symmetry import count_symmetries
from workloads.language_models.making.crystals import PROTOTYPES, substitute, write_crystal, write_crystals
from workloads.language_models.novelty import Known
from workloads.language_models.pictures import View, draw_texts
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
    with pytest.raises(UnknownTokenError, match=r"'Rn1' \(its line 1\) is no token") as caught:
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
        ("Cl1 4 0.0", "Cl1 4 NaN", {"formula", "multiplicity", "bonds", "space_group"}),
        ("Tables_number 225", "Tables_number InF", {"formula", "multiplicity", "bonds", "space_group"}),
    ],
)  # fmt: skip
def test_each_test_fails_of_what_it_is_for(old: str, new: str, failed: set[str]) -> None:
    text = simple()
    assert old in text and all(judge_crystal(text).values())
    assert {test for test, passed in judge_crystal(text.replace(old, new)).items() if not passed} == failed


def nothing() -> None:
    pass


def odd_but_valid() -> list[str]:
    return [simple().replace("H-M Fm-3m", f"H-M {group}").rstrip("\n") for group in ("Fm-3m ", "'Fm-3m'")]


def test_a_valid_crystal_that_no_document_could_be_is_new(tmp_path: Path) -> None:
    made = CrystalsDataset(settings())
    made.write_published(tmp_path, tell_nobody, 1)
    made.convert(tmp_path, tmp_path / "made")
    documents = Documents(tmp_path / "made", "training")
    trained = TOKENS.decode(documents.read(np.array([3]))[0, : documents.lengths[3]].tolist()).rstrip("\n")
    odd = odd_but_valid()
    for text in odd:
        assert all(judge_crystal(text).values()) and not TOKENS.can_encode(text)
    known = Known(documents, FORMS["crystals"])
    assert known.hold([odd[0], trained, odd[1]], nothing) == [False, True, False]
    assert known.hold(odd, nothing) == [False, False]


def test_no_text_of_valid_tokens_is_more_than_a_judge_can_bear() -> None:
    drawing, verdicts = random.Random(1), []
    bases = [TOKENS.encode_all([text])[0].tolist() for text in write_crystals(1, 20)]
    for _ in range(400):
        tokens = list(drawing.choice(bases))
        for _ in range(drawing.choice([1, 2, 5, 40])):
            place = drawing.randrange(1, len(tokens))
            other = drawing.choice([drawing.choice(tokens), drawing.randrange(len(TOKENS.tokens))])
            tokens[place : place + drawing.randrange(2)] = [other][: drawing.randrange(2)]
        verdicts.append(judge_crystal(TOKENS.decode(tokens)))
    assert all(set(found) == {"formula", "multiplicity", "bonds", "space_group"} for found in verdicts)
    assert {passed for found in verdicts for passed in found.values()} == {True, False}


def test_a_crystal_in_a_flat_cell_fails_and_nothing_ends() -> None:
    crystal = Crystal("P1", 1, (30.0, 30.0, 30.0, 60.0, 60.0, 119.9999999), [Site("Na", 1, (0.0, 0.0, 0.0))])
    with pytest.raises(ValueError, match="its cell is flat"):
        has_no_other_symmetry(crystal)
    assert not passes(has_no_other_symmetry, crystal)


def in_general_position(count: int) -> Crystal:
    drawing = random.Random(1)
    places = [(drawing.random(), drawing.random(), drawing.random()) for _ in range(count)]
    return Crystal("Pm-3m", 221, (20.0, 20.0, 20.0, 90.0, 90.0, 90.0), [Site("Na", 48, place) for place in places])


def test_of_more_than_500_atoms_no_symmetry_is_looked_for() -> None:
    assert judge_crystal(write_crystal(in_general_position(10)))["space_group"]
    begun = time.process_time()
    verdicts = judge_crystal(write_crystal(in_general_position(11)))
    assert verdicts["multiplicity"] and not verdicts["space_group"] and time.process_time() - begun < 1


def restated(crystal: Crystal, group: str, number: int) -> dict[str, bool]:
    return judge_crystal(write_crystal(replace(crystal, group=group, number=number)))


def test_a_crystal_of_higher_symmetry_than_stated_fails_the_test_of_its_group() -> None:
    crystal = substitute(SIMPLE, SALT)
    assert crystal is not None and all(restated(crystal, "Fm-3m", 225).values())
    lower = restated(crystal, "F-43m", 216)
    assert {test for test, passed in lower.items() if not passed} == {"space_group"}


def test_symmetries_are_those_of_the_atoms_in_any_cell() -> None:
    cube = np.eye(3) * 4.0
    assert count_symmetries(cube, [np.zeros((1, 3))]) == 48
    # Twice the cell has as many, and each with two translations less one; a slanted cell of the same lattice as many.
    assert count_symmetries(cube * [1, 1, 2], [np.array([[0, 0, 0], [0, 0, 0.5]])]) == 96
    assert count_symmetries(cube @ np.array([[1, 3, 0], [0, 1, 2], [0, 0, 1]]), [np.zeros((1, 3))]) == 48
    # Another kind of atom leaves what takes it to itself; a tenth of an ångström is not seen.
    assert count_symmetries(cube, [np.zeros((1, 3)), np.array([[0, 0, 0.3]])]) == 8
    assert count_symmetries(cube, [np.zeros((1, 3)), np.array([[0.5, 0.5, 0.51]])]) == 48


def drawn_crystal(drawing: random.Random) -> Crystal:
    """One to three sites, many of them special, in a cell that fits a drawn group."""
    group = drawing.choice([token[:-3] for token in TOKENS.tokens if token.endswith("_sg")])
    known = space_group_of(group)
    assert known is not None
    a, b, c = (drawing.uniform(4, 8) for _ in "abc")
    number, slanted = known.number, drawing.uniform(91, 110)
    angles = (slanted, slanted + 1, slanted + 2) if number < 3 else (90.0, slanted if number < 16 else 90.0, 90.0)
    if 143 <= number < 195:
        angles = (90.0, 90.0, 120.0)
    b, c = b if number < 75 else a, c if number < 195 else a
    places = [
        [drawing.choice([0, 0.25, 0.5, 1 / 3, drawing.random()]) for _ in "xyz"] for _ in range(drawing.randint(1, 3))
    ]
    sites = [Site(drawing.choice(["Na", "Cl"]), 1, (x, y, z)) for x, y, z in places]
    return Crystal(group, number, (a, b, c, *angles), sites)


def test_spglib_finds_the_stated_group_where_we_do() -> None:
    spglib = pytest.importorskip("spglib", reason="spglib is not installed: pip install spglib")
    drawing, verdicts = random.Random(1), []
    for crystal in [*(drawn_crystal(drawing) for _ in range(80)), *made_crystals()]:
        lattice = lattice_of(crystal.cell)
        places = [orbit(crystal.group, site.place, lattice) for site in crystal.sites]
        kinds = np.repeat([ord(site.element[0]) for site in crystal.sites], [len(images) for images in places])
        whole = np.concatenate(places)
        if any(len(distances_to(place, whole, lattice)) < 27 * len(whole) - 1 for place in whole) or len(whole) > 120:
            continue  # two atoms in one place
        found = spglib.get_spacegroup((lattice.T, whole, kinds), symprec=0.1)
        verdicts.append((has_no_other_symmetry(crystal), found == f"{crystal.group} ({crystal.number})"))
    assert len(verdicts) > 60 and all(ours == theirs for ours, theirs in verdicts)
    assert {ours for ours, _ in verdicts} == {True, False}


def made_crystals() -> list[Crystal]:
    found = [substitute(prototype, {"A": "Ca", "B": "Ti", "C": "Sn", "X": "O"}) for prototype in PROTOTYPES]
    return [crystal for crystal in found if crystal is not None]


def test_bonds_are_mostly_judged_as_by_crystalnn() -> None:
    local_env = pytest.importorskip("pymatgen.analysis.local_env", reason="pymatgen is not installed")
    core, verdicts = pytest.importorskip("pymatgen.core"), []
    for crystal in made_crystals():
        if sum(site.multiplicity for site in crystal.sites) > 16:
            continue  # it takes seconds
        for scale in (0.6, 1.0, 1.45):
            a, b, c, alpha, beta, gamma = crystal.cell
            scaled = replace(crystal, cell=(a * scale, b * scale, c * scale, alpha, beta, gamma))
            lattice = lattice_of(scaled.cell)
            places = [orbit(crystal.group, site.place, lattice) for site in crystal.sites]
            symbols = [site.element for site, images in zip(crystal.sites, places, strict=True) for _ in images]
            structure = core.Structure(core.Lattice(lattice.T), symbols, np.concatenate(places))
            firsts = np.cumsum([0, *map(len, places[:-1])]).tolist()
            verdicts.append(has_bonds(scaled) == bonds_by(local_env.CrystalNN(), structure, firsts))
    assert len(verdicts) > 30 and sum(verdicts) > 0.85 * len(verdicts)


def bonds_by(finder: Any, structure: Any, atoms: list[int]) -> bool:
    """CrystaLLM's rule: all bonds that CrystalNN finds of some atoms are within a third of the sum of radii."""
    found = []
    for number in atoms:
        try:
            neighbours = finder.get_nn_info(structure, number)
        except ValueError:
            return False
        site = structure[number]
        for near in neighbours:
            if near["site_index"] != number:
                other = structure[near["site_index"]]
                length = site.distance(other, jimage=near["image"])
                found.append(length / expected_length(site.specie.symbol, other.specie.symbol))
    return bool(found) and all(0.68 < ratio < 1.32 for ratio in found)


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


def test_characters_are_those_that_tokens_are_kept_of(tmp_path: Path) -> None:
    text = "data_C1\n_symmetry_space_group_name_H-M   P1\n_cell_length_a    3.0\nC C0 1\n"
    archive = gzip.compress(pickle.dumps([("1", text)]))
    for name in FILES.values():
        (tmp_path / name).write_bytes(archive)
    for longest, kept in (
        (96, "C1\n_symmetry_space_group_name_H-M P1\n_cell_length_a 3.0\nC C0 1\n\n"),
        (7, "C1\n_symmetry_space_group_name_H-M P1"),
    ):
        folder = tmp_path / str(longest)
        CrystalsDataset(settings(longest=longest, longer="cut")).convert(tmp_path, folder)
        documents = Documents(folder, "training")
        assert documents.characters.tolist() == [len(kept)]
        shown = documents.read(np.zeros(1, np.int64))[0, : documents.lengths[0]].tolist()
        assert TOKENS.decode(shown) == f"data_{kept}"


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
        (gzip.compress(pickle.dumps([("1", "data_C1\n"), ("2", "data_Rn1\n")])), r"structure 1: 'Rn1' \(its line 1\)"),
        (gzip.compress(pickle.dumps([("1", "data_C1\n"), ("2", "data_C1\ndata_C2\n")])), "structure 1: 'data_' stands"),
        (None, "does not exist; get it from zenodo"),
    ],
    ids=["a command", "cut off", "numbers", "no CIF", "an unknown element", "two in one", "missing"],
)  # fmt: skip
def test_an_archive_that_is_none_is_refused(content: bytes | None, words: str, tmp_path: Path) -> None:
    made = CrystalsDataset(settings())
    made.write_published(tmp_path, tell_nobody, 1)
    path = tmp_path / FILES["training"]
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        made.convert(tmp_path, tmp_path / "made")


def test_a_cell_is_drawn_with_the_atoms_on_its_faces_edges_and_corners(tmp_path: Path) -> None:
    crystal = FORMS["crystals"].crystal_of
    assert crystal is not None
    drawn = atoms_drawn(crystal(simple()))
    assert [(element, len(places)) for element, places in drawn] == [("Na", 14), ("Cl", 13)]
    curve = [(1.0, 3.0), (2.0, 2.0)]
    view = View([simple()], ["valid"], np.ones(3), curve, [crystal(simple())] * 2, [(1.0, 0.1), (2.0, 0.5)])
    draw_texts(tmp_path / "with.png", view)
    draw_texts(tmp_path / "without.png", replace(view, crystals=[], curve=[], valid=[]))
    heights = [np.frombuffer((tmp_path / name).read_bytes()[20:24], ">u4")[0] for name in ("with.png", "without.png")]
    assert heights[0] > 1.5 * heights[1]
