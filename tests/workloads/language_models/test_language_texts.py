"""Texts: tokens, documents that are refused, cut or split, rows that hold whole ones, and what is known again."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workloads.language_models.datasets.base import TextsDescription
from workloads.language_models.datasets.molecules import FILES, WITHIN, MoleculesDataset
from workloads.language_models.forms import FORMS
from workloads.language_models.novelty import Known
from workloads.language_models.rows import NOTHING, Documents, Plan, Rows
from workloads.language_models.vocabulary import Characters, UnknownTokenError
from workloads.runtime.dataset import tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import read_description_of

MOLECULES = FORMS["molecules"].vocabulary
TRAINING, TEST = ["CCO", "c1ccccc1", "CN", "C#N", "CC(=O)O"], ["CCl", "CCO"]


def nothing() -> None:
    pass


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "source": "stand-in", "version": "t", "split": "test", "preset": "t", "seed": 1, "documents": 30,
        "training_documents": None, "evaluation_documents": None, "longest": 12, "longer": "refuse", **changes,
    }  # fmt: skip


def write_tables(folder: Path, **tables: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for part, lines in {"training": TRAINING, "test": TEST, "scaffolds": ["CF"], **tables}.items():
        (folder / FILES[part]).write_bytes(gzip.compress("\n".join(["SMILES", *lines, ""]).encode()))
    return folder


def converted(folder: Path, published: Path, **changes: Any) -> Path:
    made = MoleculesDataset(settings(**changes))
    made.convert(published, folder / made.folder_name)
    made.verify(folder / made.folder_name, thorough=True)
    return folder / made.folder_name


def texts_of(folder: Path, part: str) -> list[str]:
    documents = Documents(folder, part)
    rows = documents.read(np.arange(len(documents)))
    return [MOLECULES.decode(row[:length].tolist()) for row, length in zip(rows, documents.lengths, strict=True)]


def test_characters_have_the_numbers_that_moses_gives_them() -> None:
    assert len(MOLECULES.tokens) == 30 and MOLECULES.tokens[26:] == ("<bos>", "<eos>", "<pad>", "<unk>")
    tokens, lengths = MOLECULES.encode_all(["C#N", "", "Cl"])
    assert lengths.tolist() == [5, 2, 4]
    assert [MOLECULES.tokens[token] for token in tokens] == [
        "<bos>", "C", "#", "N", "<eos>", "<bos>", "<eos>", "<bos>", "C", "l", "<eos>",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "what", "place"), [("CCXC", "X", 3), ("CéC", "é", 2), ("C\nC", "\n", 2), ("€", "€", 1)]
)
def test_the_first_character_that_is_no_token_is_named(text: str, what: str, place: int) -> None:
    with pytest.raises(UnknownTokenError) as caught:
        Characters("CON").encode_all(["CC", text, "X"])
    assert (caught.value.document, caught.value.what, caught.value.where) == (1, what, f"character {place}")


def test_texts_come_back_out_of_the_data_set_in_their_order(tmp_path: Path) -> None:
    folder = converted(tmp_path, write_tables(tmp_path / "published"))
    assert texts_of(folder, "training") == TRAINING and texts_of(folder, "evaluation") == TEST
    assert texts_of(converted(tmp_path, tmp_path / "published", split="scaffolds"), "evaluation") == ["CF"]
    few = converted(tmp_path, tmp_path / "published", training_documents=2)
    assert texts_of(few, "training") == ["CCO", "CN"]


def test_validation_leaves_the_test_part_alone(tmp_path: Path) -> None:
    training = [f"C{'C' * (number % 9)}" for number in range(60)]
    folder = converted(tmp_path, write_tables(tmp_path / "published", training=training), split="validation")
    assert texts_of(folder, "evaluation") == training[19::20] and len(texts_of(folder, "training")) == 57


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["CC", "", "CC"], r"train.csv.gz, line 3: the document is empty"),
        (["CC", "CZ"], r"train.csv.gz, line 3: 'Z' \(character 2\) is not among the characters #\(\)-123456=BCFHNOS"),
        (
            ["CC", "C" * 11],
            r"line 3: the document has 13 tokens.*longest=12; set that to 13, or .*longer to cut or split",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_named_by_file_and_line(lines: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=words):
        converted(tmp_path, write_tables(tmp_path / "published", training=lines))


def test_long_documents_are_cut_or_split(tmp_path: Path) -> None:
    long = "CCCCCCCCCCNNNNO"
    published = write_tables(tmp_path / "published", training=["CO", long])
    cut, split = (converted(tmp_path, published, longer=longer) for longer in ("cut", "split"))
    assert texts_of(cut, "training") == ["CO", long[:11]] and texts_of(split, "training") == [
        "CO",
        long[:11],
        long[11:],
    ]
    description = read_description_of(split, TextsDescription)
    assert (description["shortened"], description["longest"]) == (1, 12)
    assert Documents(cut, "training").characters.tolist() == [len("CO\n"), 11]
    assert Documents(split, "training").characters.sum() == len("CO\n" + long + "\n")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"SMILES\nCC\n")[:-9], "cut off"),
        (b"SMILES\nCC\n", "is not a whole table of molecules"),
        (gzip.compress(b"smiles,split\nCC\n"), "the first line is 'smiles,split'; expected 'SMILES'"),
        (gzip.compress(b""), "the first line is ''; expected 'SMILES'"),
        (gzip.compress(b"SMILES\n"), "leaves a part without documents"),
        (None, "does not exist, nor a wheel molsets-"),
    ],
    ids=["cut off", "not packed", "another table", "empty", "a header alone", "missing"],
)
def test_a_table_that_is_none_is_refused(content: bytes | None, words: str, tmp_path: Path) -> None:
    published = write_tables(tmp_path / "published")
    if content is None:
        (published / FILES["training"]).unlink()
    else:
        (published / FILES["training"]).write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        converted(tmp_path, published)


def test_molecules_are_read_out_of_the_wheel_as_well(tmp_path: Path) -> None:
    import zipfile

    published, wheel = write_tables(tmp_path / "published"), tmp_path / "wheel"
    wheel.mkdir()
    with zipfile.ZipFile(wheel / "molsets-0.3.1-py3-none-any.whl", "w") as archive:
        for name in FILES.values():
            archive.write(published / name, WITHIN + name)
    assert texts_of(converted(tmp_path, wheel), "training") == TRAINING


def rows_of(tmp_path: Path, plan: Plan | None = None, width: int = 16) -> Rows:
    documents = Documents(converted(tmp_path, write_tables(tmp_path / "published")), "training")
    chosen = plan or Plan.packed(documents.lengths - 1, width, np.arange(len(documents)))
    return Rows(documents, width, MOLECULES.start, chosen)


def test_rows_hold_whole_documents_and_what_comes_after_each_token(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    batch = rows.read(np.arange(len(rows)))
    shown = [[MOLECULES.tokens[token][0] for token in row] for row in batch["tokens"]]
    # Nine of "c1ccccc1", four of "CCO", three of "CN".
    assert "".join(shown[0]) == "<CCO<c1ccccc1<CN" and len(rows) == 2
    after = [[MOLECULES.tokens[token][0] for token in row[row != NOTHING]] for row in batch["targets"]]
    assert "".join(after[0]) == "CCO<c1ccccc1<CN<" and "".join(after[1]) == "C#N<CC(=O)O<"
    assert rows.items(np.arange(2)).tolist() == [16, 12] == batch["characters"].tolist()
    assert (batch["targets"] != NOTHING).sum(1).tolist() == [16, 12]
    again = rows.read(np.array([1]), batch)
    assert "".join(MOLECULES.tokens[token][0] for token in again["tokens"][0]) == "<C#N<CC(=O)O<<<<"


def test_every_document_is_in_one_row_and_rows_are_full(tmp_path: Path) -> None:
    lengths = np.random.default_rng(1).integers(10, 60, 2000)
    plan = Plan.packed(lengths, 64, np.random.default_rng(2).permutation(2000))
    assert sorted(plan.order.tolist()) == list(range(2000)) and plan.firsts[0] == 0 and plan.firsts[-1] == 2000
    filled = np.add.reduceat(lengths[plan.order], plan.firsts[:-1])
    assert filled.max() <= 64 and filled.mean() > 0.94 * 64
    one_each = rows_of(tmp_path, Plan.one_each(5), 12)
    assert one_each.items(np.arange(5)).tolist() == [4, 9, 3, 4, 8]


def test_texts_that_were_trained_on_are_known_again(tmp_path: Path) -> None:
    documents = Documents(converted(tmp_path, write_tables(tmp_path / "published")), "training")
    asked = ["CN", "CCO", "CCOO", "C#N", "NC", "C" * 40]
    assert documents.hold(*MOLECULES.encode_all(asked), nothing) == [True, True, False, True, False, False]


def test_a_molecule_that_was_trained_on_is_known_however_it_is_written(tmp_path: Path) -> None:
    training = ["c1ccccc1C", "CN", "C(", "CCO", "ClCCBr"]  # one is no molecule, and no string of it is known
    documents = Documents(converted(tmp_path, write_tables(tmp_path / "published", training=training)), "training")
    asked = ["Cc1ccccc1", "NC", "CCO", "OCC", "COC", "BrCCCl", "CCCCCCCCCCCCO", "CCN"]
    molecules = Known(documents, FORMS["molecules"])
    for _ in range(2):  # what was looked at is remembered
        assert molecules.hold(asked, nothing) == [True, True, True, True, False, True, False, False]
    texts = Known(documents, replace(FORMS["molecules"], likeness=()))
    assert texts.hold(asked[:4], nothing) == [False, False, True, False]


def test_the_stand_in_has_rings_of_its_own_in_scaffolds(tmp_path: Path) -> None:
    MoleculesDataset(settings(documents=40, longest=60)).write_published(tmp_path, tell_nobody, 1)
    tables = {
        name: gzip.decompress((tmp_path / file).read_bytes()).decode().splitlines() for name, file in FILES.items()
    }
    assert {name: len(lines) for name, lines in tables.items()} == {"training": 41, "test": 9, "scaffolds": 9}
    assert not set(tables["training"][1:]) & set(tables["test"][1:])
