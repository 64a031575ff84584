"""Records are whole or absent, and what is read back is what was written."""

from pathlib import Path

import pytest

from orchestrator.records import (
    ALIVE_SLOT_BYTES,
    AliveSlot,
    RecordError,
    RunDirectory,
    document_hash,
    read_alive,
    read_json,
    read_json_if_whole,
    write_json,
)


def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, {"value": 1})
    with pytest.raises(ValueError, match="Out of range"):
        write_json(path, {"value": float("nan")})
    assert read_json(path) == {"value": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1', "\xff"])
def test_a_damaged_record_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(RecordError, match=r"record\.json"):
        read_json(path)
    assert read_json_if_whole(path) is None


def test_equal_documents_have_equal_hashes_whatever_their_order() -> None:
    assert document_hash({"a": 1, "b": [1, 2]}) == document_hash({"b": [1, 2], "a": 1})
    assert document_hash({"a": 1}) != document_hash({"a": 2})


def test_a_manifest_of_something_else_is_refused(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    write_json(directory.manifest, {"spec": {"run": "x"}})
    with pytest.raises(RecordError, match="not a manifest"):
        directory.read_manifest()


def test_attempts_are_listed_in_their_order(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        (tmp_path / f"attempt-{number}").mkdir()
    assert [attempt.number for attempt in RunDirectory(tmp_path).attempts()] == [1, 2, 10]


def test_alive_slots_are_read_back_and_unwritten_ones_are_absent(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    slot = AliveSlot(2, 1795460132.6, 4194304, "first_step", 123456789, True)
    assert len(slot.encode()) == ALIVE_SLOT_BYTES
    with path.open("wb") as file:
        file.seek(2 * ALIVE_SLOT_BYTES)
        file.write(slot.encode())
    assert read_alive(path) == {2: slot}
