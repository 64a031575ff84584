"""A person's mistake in a file is one line with the file's name, and takes no time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from orchestrator.config.redaction import hide
from orchestrator.config.yaml_words import MOST_BYTES, read_tree
from orchestrator.errors import UsageError

BOMB = "a: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"b{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 9)
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: 1\n\tb: 2\n", "line 2"), (b"a: 1\na: 2\n", "line 2: a is there twice"), (b"a: caf\xe9\n", "utf-8"),
        ("a: 1\n".encode("utf-16"), "utf-8"), (b"a: *nowhere\n", "line 1: found undefined alias"),
        (b"a: !!python/object/apply:os.system [touch x]\n", "line 1: could not determine a constructor"),
        (BOMB.encode(), "its anchors make more than"), (b"a: &a [*a]\n", "its anchors make more than"),
        (b"[" * 1500, "cannot be read"), (b"- 1\n", "must hold a mapping"),
        (b"a: 1" + b" " * MOST_BYTES, "is longer than"),
    ],
)  # fmt: skip
def test_a_mistake_in_yaml_is_named_with_its_file(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    begun = time.monotonic()
    with pytest.raises(UsageError, match=r"own\.yaml") as error:
        read_tree(path)
    assert words in str(error.value) and len(str(error.value).splitlines()) == 1
    assert time.monotonic() - begun < 5


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own.yaml")
    with pytest.raises(UsageError, match="not a plain file"):
        read_tree(tmp_path / "own.yaml")


def test_anchors_that_do_not_multiply_are_read(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n")
    assert {key: set(value) for key, value in read_tree(path).items()} == {"a": {"x"}, "b": {"x"}, "c": {"x", "y"}}


@pytest.mark.parametrize("word", ["eyJabcdefgh-", "eyJ-", "a://b:", "x=", "sk-", "Bearer ", "-----BEGIN "])
def test_secrets_are_looked_for_in_a_time_that_grows_with_the_text(word: str) -> None:
    begun = time.monotonic()
    hide(word * (100_000 // len(word)))
    assert time.monotonic() - begun < 5


def test_a_token_of_three_parts_is_hidden() -> None:
    assert hide("eyJhbGciOiJIUzI1.eyJzdWIiOiIx.abc") == "***" and hide("x eyJhbGciOiJIUzI1.eyJzdWIiOiIx z") == "x *** z"
