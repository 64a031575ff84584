"""What there is (``list``), what a run printed (``logs``), and the question before runs are ended (``cancel``)."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import PROJECT, unpack

from orchestrator.__main__ import main
from orchestrator.config import families
from orchestrator.records import failure_record, write_json

KEPT = PROJECT / "tests" / "recorded" / "version-0.1.tar.gz"
CAMPAIGN = "version-0.1"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("ORCHESTRATOR_CONFIG_DIR", raising=False)


def ended(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    return code, out.getvalue(), err.getvalue()


def document(*words: str) -> Any:
    code, out, err = ended(*words, "--json")
    assert code == 0, err
    return json.loads(out)


def test_everything_that_can_be_chosen_is_listed_and_fits_eighty_columns() -> None:
    _, text, _ = ended("list")
    found = document("list")
    names = {kind: {item["name"] for item in found[kind]} for kind in ("benchmarks", "clusters", "suites")}
    assert names["benchmarks"] == set(families.benchmarks()) and names["clusters"] == set(families.clusters())
    assert {"ci", "facility", "weekly"} <= names["suites"]
    assert all(name in text for group in names.values() for name in group)
    assert max(map(len, text.splitlines())) <= 80
    recipes = {item["name"] for item in document("list", "recipes", "benchmark=stemdl")["recipes"]}
    assert recipes == set(families.recipes("stemdl"))


def test_data_that_are_here_are_listed_with_their_source_and_what_is_half_made_is_not(tmp_path: Path) -> None:
    for name, whole in (("real-v1", True), ("stand-in-2-small-seed1-ab", True), ("stand-in-2-tiny", False)):
        folder = tmp_path / "data" / "stemdl" / name
        folder.mkdir(parents=True)
        (folder / ("dataset.json" if whole else "samples.h5")).write_bytes(b"x" * 1000)
    other = tmp_path / "data" / "disentanglement" / "xyc-stand-in-exact-1-ab"
    other.mkdir(parents=True)
    (other / "dataset.json").touch()
    here = {(item["benchmark"], item["name"]): item["here"] for item in document("list", "datasets")["datasets"]}
    assert [item["source"] for item in here["stemdl", "stemdl"]] == ["real", "stand-in"]
    assert here["disentanglement", "xyc"] and not here["disentanglement", "arrow"]
    assert "real, stand-in" in ended("list", "datasets", "benchmark=stemdl")[1]


def test_a_sites_own_machines_and_suites_are_listed_before_ours_of_the_same_name(tmp_path: Path) -> None:
    for group, name, text in (
        ("cluster", "alpine", "description: Ours\nhosts: [login*]\n"),
        ("cluster", "cpu", "description: Our own\n"), ("acceptance", "nightly", "summary: Nightly\n"),
    ):  # fmt: skip
        (tmp_path / "site" / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / group / f"{name}.yaml").write_text(text)
    found = document("list", "--config-dir", "site")
    clusters = {item["name"]: item for item in found["clusters"]}
    assert clusters["alpine"] == {"name": "alpine", "description": "Ours", "hosts": ["login*"], "site": True}
    assert clusters["cpu"]["description"] == "Our own" and not clusters["local"]["site"]
    assert "nightly" in {item["name"] for item in found["suites"]}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A campaign of two runs that have ended."""
    unpack(KEPT, tmp_path)
    return tmp_path / "results" / CAMPAIGN


def fail(run: Path, cause: str) -> None:
    attempt = run / "attempt-1"
    (attempt / "result.json").unlink()
    (attempt / "stderr.txt").write_text("".join(f"line {number}\n" for number in range(100)))
    write_json(attempt / "failure.json", failure_record("failed", cause))


def test_logs_are_those_of_the_runs_that_failed_with_the_cause(kept: Path) -> None:
    run = sorted(path for path in kept.iterdir() if path.is_dir())[1]
    fail(run, "out of memory")
    code, text, _ = ended("logs", "-n", "3")
    assert code == 0 and text.startswith(f"{run.name}, attempt 1: out of memory\n")
    assert "line 99" in text and "line 96" not in text and "97 lines before" in text
    (found,) = document("logs", CAMPAIGN, run.name, "--lines", "0")["runs"]
    assert len(found["files"][0]["lines"]) == 100 and found["cause"] == "out of memory"


def test_logs_of_a_run_can_be_asked_for_by_its_name_alone_or_by_its_folder(kept: Path) -> None:
    run = min(path for path in kept.iterdir() if path.is_dir())
    for words in ([run.name], [CAMPAIGN, run.name], [str(run)]):
        (found,) = document("logs", *words)["runs"]
        assert found["run"] == run.name
    assert "Did you mean" in ended("logs", run.name[:-1] + "9")[2]
    assert "attempts 1 to 1" in ended("logs", run.name, "--attempt", "7")[2]


@pytest.fixture
def waiting(kept: Path) -> Path:
    """The campaign with one run that nobody submitted yet."""
    run = min(path for path in kept.iterdir() if path.is_dir())
    manifest = json.loads((run / "manifest.json").read_text())
    write_json(run / "manifest.json", manifest | {"attempts": 0, "job_id": None, "submitted": None})
    shutil.rmtree(run / "attempt-1")
    return run


class Terminal(io.StringIO):
    """A terminal at which somebody types what it holds."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("typed", ["n\n", "\n", "cancel\n", ""], ids=["no", "nothing", "another word", "end of input"])
def test_at_a_terminal_cancel_asks_and_nothing_but_yes_is_yes(
    waiting: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr(sys, "stderr", told := Terminal())
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert main(["cancel"]) == 0
    assert "1 of 2 runs have not ended, 0 of them running. End them? [y/N]" in told.getvalue()
    assert not (waiting / "attempt-1").exists()
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert main(["cancel"]) == 0
    assert (waiting / "attempt-1" / "failure.json").exists()


def test_without_a_terminal_cancel_wants_a_name_or_yes_and_never_waits(waiting: Path) -> None:
    code, _, err = ended("cancel")
    assert code == 64 and "--yes" in err and not (waiting / "attempt-1").exists()
    assert document("cancel", "--yes")["campaigns"][0]["runs"][waiting.name] == "cancelled"
