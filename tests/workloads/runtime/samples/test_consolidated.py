import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.consolidated import (
    ConsolidatedSet,
    Field,
    Provenance,
    check_shard,
    read_description,
    verify_dataset,
)
from workloads.runtime.samples.staging import stage_dataset
from workloads.runtime.samples.writer import Writer

FIELDS = {"image": Field((2, 33), "float32"), "mask": Field((7,), "uint8"), "label": Field((), "int64")}
PROVENANCE = Provenance("thing", "stand-in", "published", "1", 5)
SETTINGS = {"source": "stand-in", "split": "published", "version": "1"}


def samples(count: int, seed: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "image": random.normal(size=(count, 2, 33)).astype(np.float32),
        "mask": random.integers(0, 255, (count, 7)).astype(np.uint8),
        "label": random.integers(0, 9, count),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Writer(tmp_path / "set", PROVENANCE, FIELDS, {"training": 11, "evaluation": 3}, SETTINGS) as writer:
        for first in range(0, 11, 4):
            writer.append("training", {key: array[first : first + 4] for key, array in samples(11).items()})
        writer.append("evaluation", samples(3, seed=2))
        writer.extra["range"] = 2.5
    return tmp_path / "set"


@pytest.mark.parametrize("most", [0, 11 * 7, consolidated.KEPT_WHOLE_BYTES], ids=["read", "some kept", "all kept"])
@pytest.mark.parametrize("indices", [[0], [10, 5, 6, 6, 0], range(11), []], ids=str)
def test_every_field_comes_back_in_the_order_asked_for_across_files(
    folder: Path, indices: Sequence[int], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consolidated, "KEPT_WHOLE_BYTES", most)
    wanted = np.array(indices, dtype=np.int64)
    got = ConsolidatedSet(folder, "training").read(wanted)
    for key, array in samples(11).items():
        assert got[key].dtype == array.dtype and np.array_equal(got[key], array[wanted])


def test_only_the_fields_asked_for_are_read_into_given_memory(folder: Path) -> None:
    out = {"label": np.full(5, -1)}
    got = ConsolidatedSet(folder, "evaluation", ["label"]).read(np.array([2, 0]), out)
    assert list(got) == ["label"] and np.shares_memory(got["label"], out["label"])
    assert np.array_equal(got["label"], samples(3, seed=2)["label"][[2, 0]]) and (out["label"][2:] == -1).all()


def test_a_set_is_verified_and_says_what_was_added_to_it(folder: Path) -> None:
    told = verify_dataset(folder, SETTINGS, FIELDS, thorough=True)
    assert (told["training_samples"], told["evaluation_samples"], told["range"]) == (11, 3, 2.5)
    assert read_description(folder)["settings"] == SETTINGS


def test_a_changed_byte_is_found_by_the_thorough_check(folder: Path) -> None:
    path = folder / "training-00001-of-00002.h5"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    verify_dataset(folder, SETTINGS, FIELDS, thorough=False)
    with pytest.raises(DatasetError, match=r"training-00001-of-00002\.h5 has another BLAKE3"):
        verify_dataset(folder, SETTINGS, FIELDS, thorough=True)


def test_a_field_of_another_shape_is_named(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"'mask' has shape \(6, 7\); expected \(6, 8\)"):
        verify_dataset(folder, SETTINGS, {**FIELDS, "mask": Field((8,), "uint8")}, thorough=False)


@pytest.mark.parametrize("given", [2, 4])
def test_too_few_or_too_many_samples_leave_nothing_behind(tmp_path: Path, given: int) -> None:
    with (
        pytest.raises(DatasetError, match="training samples"),
        Writer(tmp_path / "new" / "set", PROVENANCE, FIELDS, {"training": 3, "evaluation": 0}, SETTINGS) as writer,
    ):
        writer.append("training", samples(given))
    assert list((tmp_path / "new").iterdir()) == []


DESCRIBED: list[tuple[str, object]] = [
    ("name", None), ("name", "another"), ("source", "unknown"), ("seed", "one"), ("training_samples", -1),
    ("training_samples", None), ("training_samples", 12), ("evaluation_samples", "3"), ("settings", None),
    ("files", None), ("files", [{}]), ("format", "consolidated/3"), ("checksum", 3), ("version", None), ("split", []),
]  # fmt: skip


def described(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "dataset.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(("key", "value"), DESCRIBED, ids=str)
def test_a_description_is_checked_against_its_type_and_against_what_is_there(
    folder: Path, key: str, value: object
) -> None:
    described(folder, lambda document: document.update({key: value}))
    with pytest.raises(DatasetError, match=r"dataset\.json|is 'another'|is 'unknown'"):
        verify_dataset(folder, SETTINGS, FIELDS, thorough=False, name="thing")


@pytest.mark.parametrize("name", ["../../precious.h5", "/precious.h5", "..", "a/b.h5", "x\x00y", ""])
def test_names_of_files_lead_nowhere(folder: Path, tmp_path: Path, name: str) -> None:
    described(folder, lambda document: document["files"][0].update(name=name))
    precious = tmp_path / "precious.h5"
    precious.write_bytes(b"precious")
    with pytest.raises(DatasetError, match="leads nowhere"):
        verify_dataset(folder, SETTINGS, FIELDS, thorough=True)
    with pytest.raises(DatasetError, match="leads nowhere"):
        stage_dataset(folder, tmp_path / "scratch", "set", lambda done, total: None)
    with pytest.raises(DatasetError, match="leads nowhere"):
        ConsolidatedSet(folder, "training")
    assert precious.read_bytes() == b"precious"


def test_a_file_that_is_named_twice_is_refused(folder: Path) -> None:
    described(folder, lambda document: document["files"].append(document["files"][0]))
    with pytest.raises(DatasetError, match="named twice"):
        verify_dataset(folder, SETTINGS, FIELDS, thorough=False)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 10**5, '{"a": NaN}'])
def test_a_description_that_is_none_is_one_error(folder: Path, text: str) -> None:
    (folder / "dataset.json").write_text(text)
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        verify_dataset(folder, SETTINGS, FIELDS, thorough=False)
    (folder / "dataset.json").unlink()
    os.mkfifo(folder / "dataset.json")
    with pytest.raises(DatasetError, match="not a plain file"):
        read_description(folder)


def test_a_field_that_is_kept_elsewhere_is_none(folder: Path) -> None:
    path = folder / "training-00000-of-00002.h5"
    with h5py.File(path, "r+") as file:
        del file["label"]
        file["label"] = h5py.ExternalLink("/dev/zero", "label")
    with pytest.raises(DatasetError, match="has no dataset 'label'"):
        check_shard(path, 6, FIELDS)
