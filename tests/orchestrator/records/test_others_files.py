"""What stands in a folder may be another's or a crash's: it is neither followed, nor waited for, nor believed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from sampled import sampled

from orchestrator.campaign.log import logged
from orchestrator.records import (
    AttemptDirectory,
    RecordError,
    Result,
    RunDirectory,
    check_record,
    one_at_a_time,
    read_alive,
    read_json,
    write_text,
)
from orchestrator.records.checking import Count, Moment, PlainName
from orchestrator.records.control import spell_control
from orchestrator.records.files import make_own, make_private, open_own, read_end, read_sharing, write_output
from orchestrator.records.typed import TypedDict

PRECIOUS = "precious"


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """Somebody else's file."""
    path = tmp_path / "outside" / "precious.txt"
    path.parent.mkdir()
    path.write_text(PRECIOUS)
    return path


def lock(path: Path) -> None:
    with one_at_a_time(path, lambda holder: None):
        pass


def log(path: Path) -> None:
    with logged(path.parent):
        pass


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("record.json", lambda path: os.close(open_own(path))),
        ("record.json", lambda path: os.close(open_own(path, append=True))),
        pytest.param(
            f".record.json.{os.getpid()}.partial",
            lambda path: write_text(path.with_name("record.json"), "x"),
            # Workers of the suite must agree on a test's name.
            id="the partial file of this process",
        ),
        (".attended", lock),
        (".attended.holder", lambda path: lock(path.with_name(".attended"))),
        ("orchestrator.log", log),
    ],
)
def test_what_is_made_in_a_runs_folder_follows_no_link(
    tmp_path: Path, precious: Path, name: str, write: Callable[[Path], Any]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).symlink_to(precious)
    try:
        write(folder / name)
    except OSError as error:
        assert error.errno or "link" in str(error)
    assert precious.read_text() == PRECIOUS


def test_a_pipe_in_the_place_of_what_is_made_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a plain file"):
        open_own(tmp_path / "pipe")


def test_a_folder_of_ours_is_no_link_and_a_new_attempt_has_none_in_it(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "checkpoint").symlink_to(precious.parent)
    with pytest.raises(OSError, match="is a link"):
        make_own(tmp_path / "checkpoint")
    attempt = AttemptDirectory(tmp_path / "attempt-2")
    attempt.path.mkdir()
    attempt.telemetry.symlink_to(precious)
    attempt.make()
    assert not attempt.telemetry.is_symlink() and precious.read_text() == PRECIOUS


def test_attempts_that_are_links_or_no_numbers_are_none(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "attempt-1").mkdir()
    (tmp_path / "attempt-2").symlink_to(precious.parent)
    (tmp_path / "attempt-²").mkdir()
    assert [attempt.number for attempt in RunDirectory(tmp_path).attempts()] == [1]


def test_folders_that_are_missing_are_made_for_their_owner_alone_and_others_keep_their_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private(tmp_path / "results" / "c")
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path, tmp_path / "results", tmp_path / "results" / "c")]
    assert modes == [0o755, 0o700, 0o700]


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir, lambda path: path.symlink_to(path)]
)
def test_records_are_plain_files(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    path = tmp_path / "record.json"
    make(path)
    with pytest.raises(RecordError, match=r"record\.json"):
        read_json(path)
    assert read_alive(path) == {}
    with pytest.raises(RecordError):
        read_end(path, 10)


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', "[" * 10**5, '{"a": ' + "9" * 5000 + "}"]
)
def test_what_is_no_json_is_one_error_with_the_files_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=r"record\.json") as error:
        read_json(path)
    assert len(str(error.value)) < 400


class Small(TypedDict):
    name: PlainName
    count: Count
    moment: Moment
    state: Literal["good", "bad"]


WHOLE = {"name": "run-1", "count": 3, "moment": 1.79e9, "state": "good"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ".."), ("name", "../x"), ("name", "/etc/passwd"), ("name", ""), ("name", "a\x1b"), ("name", "x" * 256),
        ("count", -1), ("count", 2**31), ("count", True), ("count", 1.0), ("moment", -1.0), ("moment", 1e300),
        ("state", "ugly"), ("state", None),
    ],
)  # fmt: skip
def test_values_beyond_their_range_and_names_that_lead_elsewhere_are_refused(key: str, value: object) -> None:
    assert check_record(WHOLE, Small, "it") == WHOLE
    with pytest.raises(RecordError, match=f"it: {key} is"):
        check_record({**WHOLE, key: value}, Small, "it")


def test_of_a_stored_document_any_key_may_be_missing_and_none_may_be_another_kind(tmp_path: Path) -> None:
    check_record({"count": 1}, Small, "it", whole=False)
    with pytest.raises(RecordError):
        check_record({"count": "1"}, Small, "it", whole=False)
    result = sampled(Result)
    with pytest.raises(RecordError, match=r"pictures\[0\]"):
        check_record({**result, "pictures": ["../../etc/passwd"]}, Result, "it")


def test_control_characters_are_spelt_out_and_lines_stay() -> None:
    assert spell_control("\x1b]0;owned\x07\tx\n\u202e\x9b") == "\\x1b]0;owned\\x07\tx\n\\u202e\\x9b"


def test_an_output_goes_through_links_and_to_what_is_no_file(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "latest").symlink_to(precious)
    write_output(tmp_path / "latest", "new")
    assert (tmp_path / "latest").is_symlink() and precious.read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_output(tmp_path / "pipe", "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    write_output(Path("/dev/null"), "nowhere")
    assert not Path("/dev/null").is_file()


def test_what_is_the_same_in_many_files_is_read_once_and_only_where_it_is_laid_out_so(tmp_path: Path) -> None:
    document = {"spec": {"run": "r", "settings": {"a": {"b": [1, {"c": "}"}]}}, "z": 1}, "config": {"x": "\n }"}}
    shared: dict[str, Any] = {}
    for number in range(2):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({**document, "order": number}, indent=1))
        assert read_sharing(path, [("spec", "settings"), ("config",)], shared) == {**document, "order": number}
    assert len(shared) == 2
    path.write_text(json.dumps(document))
    assert read_sharing(path, [("spec", "settings"), ("config",)], shared) == document
    path.write_text('{\n "spec": {\n  "settings": {\n   "a": NaN\n  }\n }\n}')
    with pytest.raises(RecordError, match=r"1\.json"):
        read_sharing(path, [("spec", "settings")], {})
