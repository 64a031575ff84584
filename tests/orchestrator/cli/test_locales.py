"""Every verb prints in any locale, and files and other programs are read with a stated encoding."""

from __future__ import annotations

import ast
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import PROJECT, unpack

from orchestrator.cli.output import HANDLER, Unbroken, print_in_any_locale
from orchestrator.launch.causes import describe, read_errors
from orchestrator.records import AttemptDirectory
from workloads.runtime.errors import write_error

KEPT = PROJECT / "tests" / "recorded" / "version-0.1.tar.gz"
ASCII = {"PYTHONIOENCODING": "ascii"}
"""What some batch systems and editors set."""
LATIN = {"PYTHONIOENCODING": "iso-8859-1", "LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"}
POSIX = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a campaign was run."""
    place = tmp_path_factory.mktemp("locale")
    unpack(KEPT, place)
    return place


@pytest.mark.parametrize(
    ("locale", "words", "codes"),
    [
        (ASCII, ["--help"], (0,)),
        (ASCII, ["report", "version-0.1"], (0, 2)),
        (ASCII, ["report", "version-0.1", "--json"], (0, 2)),
        (LATIN, ["plan", "benchmark=stemdl", "nodes=[1,2]"], (0,)),
        (LATIN, ["report", "version-0.1", "--format", "markdown"], (0, 2)),
        (POSIX, ["report", "version-0.1"], (0, 2)),
        (POSIX, ["status", "Grüße–…"], (64,)),
    ],
)
@pytest.mark.quick(3)
def test_every_verb_prints_in_any_locale(
    locale: dict[str, str], words: list[str], codes: tuple[int, ...], folder: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "orchestrator", *words],
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "200", **locale},
    )
    assert ended.returncode in codes, ended.stderr.decode(errors="replace")
    assert b"Traceback" not in ended.stderr
    if "--json" in words:
        assert json.loads(ended.stdout.decode("utf-8"))["campaign"] == "version-0.1"


def test_our_own_signs_are_spelt_and_others_escaped() -> None:
    print_in_any_locale()
    assert "2 × 3 – 4 … é".encode("ascii", HANDLER) == rb"2 x 3 - 4 ... \xe9"
    assert "odd\udcff".encode("utf-8", HANDLER) == rb"odd\udcff"


def test_a_ranks_error_that_does_not_decode_is_the_cause_all_the_same(tmp_path: Path) -> None:
    attempt = AttemptDirectory(tmp_path / "attempt-1")
    attempt.errors.mkdir(parents=True)
    written = {
        "rank": 1,
        "host": "n1",
        "time": 2.0,
        "kind": "OSError",
        "message": "caf? is missing",
        "communication": False,
        "trace": "",
    }
    (attempt.errors / "rank-1.json").write_bytes(json.dumps(written).encode().replace(b"caf?", b"caf\xe9"))
    write_error(attempt, 0, FileNotFoundError("no file odd\udcff"))
    ours, theirs = sorted(read_errors(attempt), key=lambda error: error["rank"])
    assert describe(theirs) == "rank 1 on n1: OSError: caf\N{REPLACEMENT CHARACTER} is missing"
    assert ours["message"] == r"no file odd\udcff"


def unstated(path: Path) -> Iterator[int]:
    """Lines of a source at which text is read or written in whatever encoding the locale has."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        named = {word.arg for word in call.keywords}
        # A program's output is asked for as text; a row of a table, made by its class, may have a text of its own.
        callee = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        asked = set() if callee[:1].isupper() and callee != "Popen" else named
        modes = [word.value for word in call.args if isinstance(word, ast.Constant)]
        if "encoding" not in named and (
            (method == "read_text" and not call.args)
            or (method == "write_text" and len(call.args) == 1)
            or (method == "open" and set(modes) & {"r", "w", "a", "x", "w+", "r+", "a+"})
            or asked & {"text", "universal_newlines"}
        ):
            yield call.lineno


def test_no_file_and_no_program_is_read_in_the_locales_encoding() -> None:
    sources = [path for room in ("orchestrator", "workloads") for path in (PROJECT / room).rglob("*.py")]
    assert [f"{path.relative_to(PROJECT)}:{line}" for path in sources for line in unstated(path)] == []


def test_what_is_written_to_a_terminal_that_was_closed_goes_nowhere_and_a_full_disk_is_told() -> None:
    ours, theirs = pty.openpty()
    with Unbroken(theirs, "w") as terminal:
        os.close(ours)
        assert terminal.write(b"line\n") == 5 and terminal.write(b"another\n") == 8
    with pytest.raises(OSError, match="No space"), Unbroken(os.open("/dev/full", os.O_WRONLY), "w") as full:
        full.write(b"line\n")
