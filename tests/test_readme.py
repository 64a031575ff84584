"""What README teaches is so: its commands, verbs and exit codes; the links of all pages; the version that is cited."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import PROJECT
from stored import scaling_campaign
from test_architecture import ORCHESTRATOR

from orchestrator import __version__, errors
from orchestrator.__main__ import main
from orchestrator.acceptance.suite import resolve_suite
from orchestrator.cli.verbs import VERBS
from orchestrator.records import DATASETS
from orchestrator.store.store import Store, default_url

README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = [page for page in PROJECT.rglob("*.md") if not {".venv", "results"} & set(page.relative_to(PROJECT).parts)]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def commands_of(text: str) -> list[list[str]]:
    """The words of each command in the indented blocks under "Start" and "Use", without the remarks behind them."""
    taught = text[text.index("## Start") : text.index("## What the numbers mean")]
    lines = [line.strip().removeprefix("$ ") for line in taught.splitlines() if line.startswith("    ")]
    return [shlex.split(line, comments=True) for line in lines]


ALL = commands_of(README)
TAUGHT = [words[3:] for words in ALL if words[:3] == ["python", "-m", "orchestrator"]]


def run_planned(words: list[str]) -> int:
    """A run as ``plan`` shows it."""
    return main(["plan", *(words[1:] if words[0] == "plan" else words)])


def run_report(words: list[str]) -> int:
    """A report on a campaign that is in the store."""
    folder = Path.cwd() / "results"
    folder.mkdir()
    Store(default_url(folder)).put_all(scaling_campaign(folder))
    return main(words)


def run_schedule(words: list[str]) -> int:
    """A schedule is shown instead of installed; only systemd's can be shown where nothing of it is installed."""
    return main(["schedule", "show", *words[2:], "via=systemd"])


def run_accept(words: list[str]) -> int:
    """A suite is resolved down to the runs that it would submit, and submits none."""
    return 0 if resolve_suite(words[1:], None).configs else 1


TRIES: dict[str, Callable[[list[str]], int]] = {
    "run": run_planned, "plan": run_planned, "report": run_report, "schedule": run_schedule, "accept": run_accept,
}  # fmt: skip


def test_the_blocks_hold_what_a_newcomer_needs() -> None:
    assert len(TAUGHT) >= 6 and ["make", "run"] in ALL and ["make", "test"] in ALL


@pytest.mark.parametrize("words", TAUGHT, ids=" ".join)
def test_every_command_that_is_taught_works(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    verb = words[0] if words[0] in VERBS else "run"
    assert TRIES[verb]([word.replace("cluster=NAME", "cluster=local") for word in words]) == 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [words for words in ALL if words[0] == "make"], ids=" ".join)
def test_every_target_of_make_that_is_taught_exists_and_its_run_can_be_planned(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    makefile = (PROJECT / "Makefile").read_text()
    assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE)
    given = dict(word.split("=", 1) for word in words[2:])
    usual = re.search(r"^ARGS \?= (.*)$", makefile, re.MULTILINE)
    assert usual is not None
    if words[1] == "run":
        assert run_planned(shlex.split(given.get("ARGS", usual[1]))) == 0
    assert capsys.readouterr().err == ""


def test_the_table_of_verbs_has_every_verb_and_no_other() -> None:
    rows = re.findall(r"^\| ((?:\(none\)|`).*?) \| ", README, re.MULTILINE)
    named = {word for row in rows for span in re.findall(r"`([^`]+)`", row) for word in span.split()[:1]}
    assert named - {"[CAMPAIGN…]"} == set(VERBS) - {"run"}
    assert "| (none) |" in README, "the verb that need not be said"


def test_the_table_of_exit_codes_is_the_programs() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert told == set(errors.EXIT_CODES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_of_a_page_leads_to_a_file_of_the_project(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_rooms_that_are_described_are_those_whose_arrows_are_held() -> None:
    page = (PROJECT / "ARCHITECTURE.md").read_text()
    lines = page[page.index("    orchestrator/ ") : page.index("    workloads/ ")].splitlines()[1:]
    rooms = [word.strip("/,").removesuffix(".py") for line in lines if line[6] != " " for word in line.split()[:1]]
    held = [room.split(".")[1] for room in ORCHESTRATOR if room != "orchestrator.__main__"]
    assert rooms == held


def test_the_telemetry_that_is_described_is_the_telemetry_that_is_written() -> None:
    described = (PROJECT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"^    /(\w+)/(?:\{([\w,]+)\}|(\w+)) ", described, re.MULTILINE)
    assert {f"{group}/{name}" for group, many, one in named for name in (many or one).split(",")} == set(DATASETS)


def test_the_newest_release_of_the_changelog_is_the_version_that_is_cited() -> None:
    released = re.search(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)$", (PROJECT / "CHANGELOG.md").read_text(), re.M)
    assert released is not None and released[1] == __version__
    cited = (PROJECT / "CITATION.cff").read_text()
    assert f"\nversion: {released[1]}\n" in cited and f"\ndate-released: {released[2]}\n" in cited
