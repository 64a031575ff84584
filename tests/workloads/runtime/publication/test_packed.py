"""Packed files of others are read whole, within bounds, or named with what is wrong."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from workloads.runtime.errors import DatasetError
from workloads.runtime.publication import packed
from workloads.runtime.publication.packed import read_packed


def test_a_file_is_read_before_a_wheel_and_all_of_its_members_are(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "texts-1.whl", "w") as wheel:
        wheel.writestr("texts/a.gz", gzip.compress(b"of the wheel"))
    asked = (tmp_path, "a.gz", "file of texts", "texts-*.whl", "texts/a.gz")
    assert read_packed(*asked) == (tmp_path / "texts-1.whl", b"of the wheel")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one ") + gzip.compress(b"other"))
    assert read_packed(*asked) == (tmp_path / "a.gz", b"one other")
    (tmp_path / "a").write_bytes(b"not packed")
    assert read_packed(tmp_path, "a", "file of texts")[1] == b"not packed"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"text" * 1000)[:-9], "is not a whole file of texts: it is cut off; get it again"),
        (b"text", "is not a whole file of texts: Not a gzipped file"),
        (gzip.compress(bytes(10**6)), "it unpacks to more than"),
    ],
    ids=["cut off", "not packed", "a bomb"],
)
def test_what_is_no_whole_file_is_refused(
    content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "LEAST_BOUND", 10**4)
    with pytest.raises(DatasetError, match=r"a\.gz does not exist$"):
        read_packed(tmp_path, "a.gz", "file of texts")
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        read_packed(tmp_path, "a.gz", "file of texts")
