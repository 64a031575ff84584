"""How the program explains itself: verbs, options and keys, on a screen of 80 columns."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.__main__ import main
from orchestrator.cli.parsers import PARSERS
from orchestrator.cli.verbs import VERBS, split_verb
from orchestrator.config.explanations import explain_keys
from orchestrator.config.schema import OrchestratorConfig
from orchestrator.config.schema_schedule import ScheduleVerbConfig
from orchestrator.errors import EXIT_OK, EXIT_USAGE

SCREEN = 40
"""Lines of a terminal's window as it opens nowadays."""

Told = Callable[..., str]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Told:
    """What a command prints at 80 columns; it ends well."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert main(list(words)) == EXIT_OK
        return out.getvalue()

    return run


def refused(*words: str) -> str:
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        assert main(list(words)) == EXIT_USAGE
    return err.getvalue()


def test_every_verb_has_a_parser_and_every_parser_a_verb() -> None:
    assert {name.partition(" ")[0] for name in PARSERS} == set(VERBS)


@pytest.mark.parametrize("words", ["", *PARSERS], ids=str)
def test_every_help_fits_a_screen_of_eighty_columns(told: Told, words: str) -> None:
    lines = told(*words.split(), "--help").splitlines()
    assert lines[0].startswith("usage: ")
    assert max(map(len, lines[1:])) <= 80
    assert len(lines) <= SCREEN


def test_the_help_of_all_names_every_verb_on_a_line_of_its_own(told: Told) -> None:
    lines = told("--help").splitlines()
    assert {line.split()[0] for line in lines if line.startswith("    ") and line[4] != " "} == {*VERBS}
    assert told("help") == told("-h") == told("--help")


def test_help_of_a_verb_is_what_its_option_prints(told: Told) -> None:
    assert told("help", "report") == told("report", "--help")
    assert "--why" in told("help", "history", "accept")
    assert "benchmark=NAME" in told("benchmark=stemdl", "--help")


def test_the_version_is_the_programs_own(told: Told) -> None:
    assert told("--version") == told("-V") == f"sciml-orchestrator {__version__}\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["report", "--formt", "json"], "Did you mean --format?"),
        (["benchmark=stemdl", "--detatch"], "Did you mean --detach?"),
        (["schedule", "run", "--quite"], "Did you mean --quiet?"),
        (["help", "reprt"], "Did you mean report?"),
        (["help", "cluster.limits.time_mn"], "Did you mean cluster.limits.time_min?"),
        (["benchmark=stemdl", "plan"], "comes first"),
        (["list", "clsters"], "Did you mean clusters?"),
        (["benchmark=stemdl", "--nodes=2"], "A key has no dashes: write nodes=2."),
        (["--list"], "list is a verb"),
        (["stemdl"], "write benchmark=stemdl"),
        (["plan", "local"], "write cluster=local"),
        (["version"], "--version?"),
    ],
)
def test_what_is_mistyped_is_told_with_what_may_be_meant(words: list[str], hint: str) -> None:
    assert hint in refused(*words)


def test_options_may_stand_before_the_verb() -> None:
    assert split_verb(["--config-dir", "plan", "plan", "nodes=2"]) == ("plan", ["--config-dir", "plan", "nodes=2"])
    assert split_verb(["--json", "report", "c"]) == ("report", ["--json", "c"])
    assert split_verb(["nodes=2", "report"]) == ("run", ["nodes=2", "report"])


def test_a_key_is_explained_with_its_type_and_default_and_all_below_it(told: Told) -> None:
    text = told("help", "cluster.limits.time_min=30")
    assert text == "cluster.limits.time_min: int = 60\n    Time limit of each attempt, min.\n"
    below = json.loads(told("help", "cluster.limits", "--json"))["keys"]
    assert [item["key"] for item in below][:2] == ["cluster.limits", "cluster.limits.time_min"]


def test_every_key_of_the_schema_has_an_explanation() -> None:
    found = {item.key: item for item in explain_keys(ScheduleVerbConfig)}
    assert all(item.text for item in found.values())
    assert {item.key for item in explain_keys(OrchestratorConfig)} <= set(found)
    kinds = [field.name for field in fields(OrchestratorConfig) if is_dataclass(field.type)]
    assert all(found[name].type == "group" for name in kinds)
