"""What the shell is told when somebody presses the tabulator key."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment

from orchestrator.__main__ import main
from orchestrator.cli.completion import ACTIONS, complete
from orchestrator.cli.parsers import COMMAND, PARSERS
from orchestrator.cli.verbs import VERBS


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("alpha", "beta"):
        (tmp_path / "results" / name).mkdir(parents=True)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Offered:
    return Offered(monkeypatch)


class Offered:
    """Asks as bash does, which takes "=" for the end of a word."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def __call__(self, line: str) -> list[str]:
        whole = f"{COMMAND} {line}"
        for name, value in (
            ("_ARGCOMPLETE", "1"), ("COMP_LINE", whole), ("COMP_POINT", str(len(whole))),
            ("_ARGCOMPLETE_COMP_WORDBREAKS", " \t\n\"'><=;|&(:"),
        ):  # fmt: skip
            self.monkeypatch.setenv(name, value)
        # It takes a descriptor of ours for its debugging.
        self.monkeypatch.setattr("argcomplete.finders.CompletionFinder._init_debug_stream", lambda finder: None)
        stream = io.StringIO()
        complete(stream, leave=lambda code: code)
        return [word.strip() for word in stream.getvalue().split("\013") if word]


def test_the_first_word_is_a_verb_or_a_key(offered: Offered) -> None:
    words = offered("")
    assert set(VERBS) <= set(words) and "benchmark=" in words
    assert "cluster.limits.time_min=" not in words, "long names come after a dot"
    assert sorted(offered("re")) == ["recipe=", "repeats=", "report", "results=", "resume"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plan benchmark=ste", ["stemdl"]),
        ("plan benchmark=disentanglement method=beta", ["beta_tc_vae", "beta_vae"]),
        ("benchmark=stemdl recipe=small", ["small", "small_random"]),
        ("plan cluster=a1", ["a100x8"]),
        ("plan cluster.limits.time", ["cluster.limits.time_min="]),
        ("accept suite=f", ["facility"]),
        ("report --form", ["--format"]),
        ("report a", ["alpha"]),
        ("cancel ", ["alpha", "beta", "results=", "store.url="]),
        ("data ste", ["stemdl"]),
        ("schedule inst", ["install"]),
        ("accept sig", ["sign"]),
        ("list clu", ["clusters"]),
        ("help rep", ["repeats", "report"]),
    ],
)
def test_what_may_come_next_is_offered(offered: Offered, line: str, expected: list[str]) -> None:
    assert sorted(offered(line)) == expected


def test_every_action_of_a_verb_is_offered_and_no_other() -> None:
    actions: dict[str, set[str]] = {}
    for name, parser in PARSERS.items():
        verb, _, action = name.partition(" ")
        explained = parser().format_help().partition("\nactions:\n")[2].partition("\n\n")[0]
        told = {action} if action else set(re.findall(r"^  (\w+)", explained, re.MULTILINE))
        actions[verb] = actions.get(verb, set()) | told
    assert {verb: told for verb, told in actions.items() if told} == {verb: {*words} for verb, words in ACTIONS.items()}


def test_an_open_quote_disturbs_nobody(offered: Offered) -> None:
    offered('report "al')


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_one_command_puts_it_where_the_shell_looks(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["completion", "install", shell]) == 0
    place = Path(capsys.readouterr().out.splitlines()[0])
    assert place.is_relative_to(tmp_path) and COMMAND in place.read_text()


def test_the_program_itself_answers_where_the_shell_reads(tmp_path: Path) -> None:
    line = f"{COMMAND} plan cluster=mi"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line))}
    asked["_ARGCOMPLETE_STDOUT_FILENAME"] = str(tmp_path / "answer")
    done = subprocess.run([sys.executable, "-m", "orchestrator"], env=environment() | asked, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "answer").read_text().strip().endswith("mi250x8")
