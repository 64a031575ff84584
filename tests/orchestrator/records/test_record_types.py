"""Every record is read back as it was written, and refused by name where it is not what its type says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from sampled import sampled

from orchestrator.records import (
    Claim,
    Ended,
    Failure,
    Heartbeat,
    MissingRecordError,
    Process,
    RankError,
    RecordError,
    Result,
    RunList,
    Stopped,
    StopRequest,
    failure_record,
    find_record,
    read_record,
    read_record_if_whole,
    write_json,
)
from orchestrator.records import files as record_files
from orchestrator.records.typed import get_type_hints

KINDS = (Claim, Ended, Failure, Heartbeat, Process, RankError, Result, RunList, Stopped, StopRequest)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.json"


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_read_back_as_it_was_written(path: Path, kind: Any) -> None:
    written = sampled(kind)
    write_json(path, written)
    assert read_record(path, kind) == written


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_lacks_a_key_is_refused_and_the_key_named(path: Path, kind: Any) -> None:
    for key in kind.__required_keys__:
        write_json(path, {name: value for name, value in sampled(kind).items() if name != key})
        with pytest.raises(RecordError, match=rf"record\.json: {key} is missing"):
            read_record(path, kind)
        assert read_record_if_whole(path, kind) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_of_another_type_is_refused_and_its_key_named(path: Path, kind: Any) -> None:
    for key in get_type_hints(kind):
        write_json(path, {**sampled(kind), key: [[[]]]})
        with pytest.raises(RecordError, match=rf"record\.json: {key}"):
            read_record(path, kind)


def test_a_key_deep_in_a_record_is_named_in_full(path: Path) -> None:
    whole = sampled(Result)
    whole["world"]["hosts"] = ["n1", 7]  # type: ignore[list-item]
    write_json(path, whole)
    with pytest.raises(RecordError, match=r"world\.hosts\[1\] is 7, not a text"):
        read_record(path, Result)


def test_keys_that_a_later_version_adds_are_left_alone(path: Path) -> None:
    write_json(path, {**sampled(Heartbeat), "mood": "good"})
    assert read_record(path, Heartbeat)["phase"] == "word"


def test_a_record_of_a_later_schema_is_refused(path: Path) -> None:
    write_json(path, sampled(Failure, schema="orchestrator.failure/2"))
    with pytest.raises(RecordError, match=r"schema is 'orchestrator\.failure/2', not 'orchestrator\.failure/1'"):
        read_record(path, Failure)


def test_true_is_no_number_and_a_whole_number_is_one(path: Path) -> None:
    write_json(path, sampled(Stopped, elapsed_s=3))
    assert read_record(path, Stopped)["elapsed_s"] == 3
    write_json(path, sampled(Stopped, total_steps=True))
    with pytest.raises(RecordError, match="total_steps is True, not a whole number"):
        read_record(path, Stopped)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" * 5000])
def test_numbers_that_are_none_are_refused(path: Path, number: str) -> None:
    path.write_text(json.dumps(sampled(Heartbeat, elapsed_s="HERE")).replace('"HERE"', number))
    with pytest.raises(RecordError, match=r"record\.json"):
        read_record(path, Heartbeat)


def test_lists_nested_without_end_are_refused(path: Path) -> None:
    path.write_text("[" * 100_000)
    with pytest.raises(RecordError, match=r"record\.json"):
        read_record(path, Heartbeat)


def test_a_pipe_in_a_records_place_is_refused_and_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(RecordError, match=r"record\.json is not a plain file"):
        read_record(path, Failure)


@pytest.mark.parametrize("place", ["/dev/zero", "/"])
def test_a_link_to_a_device_or_a_folder_is_refused(path: Path, place: str) -> None:
    path.symlink_to(place)
    with pytest.raises(RecordError, match=r"record\.json is not a plain file"):
        read_record(path, Failure)


def test_a_file_that_is_too_long_is_refused_unread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(path, sampled(Failure))
    monkeypatch.setattr(record_files, "MOST_BYTES", path.stat().st_size - 1)
    with pytest.raises(RecordError, match=r"record\.json is longer than"):
        read_record(path, Failure)


def test_an_absent_record_is_told_from_a_damaged_one(path: Path) -> None:
    assert find_record(path, Failure) is None
    with pytest.raises(MissingRecordError, match="does not exist"):
        read_record(path, Failure)
    path.write_text("{}")
    with pytest.raises(RecordError, match=r"record\.json: cause is missing"):
        find_record(path, Failure)


def test_a_failure_record_names_who_goes_on_only_where_somebody_does(path: Path) -> None:
    write_json(path, failure_record("failed", "rank 1 died"))
    assert "requeue" not in read_record(path, Failure)
    write_json(path, failure_record("preempted-requeued", "the time limit was near", "orchestrator"))
    assert read_record(path, Failure).get("requeue") == "orchestrator"
