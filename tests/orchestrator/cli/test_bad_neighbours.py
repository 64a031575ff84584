"""One run that cannot be read is a row with its cause; the others are as ever. What is printed does nothing to a
terminal, and what is written goes where it was meant to.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made import made_campaign
from quick import some_quick

from orchestrator import __main__ as program
from orchestrator.campaign import following as campaigns
from orchestrator.campaign.following import Retry
from orchestrator.campaign.state import query_statuses
from orchestrator.cli.output import PlainStream
from orchestrator.launch.schedulers import scheduler
from orchestrator.report.tables.console import PlainConsole
from orchestrator.store.store import Store, default_url

FIRST, SECOND, THIRD = (f"stemdl-small-mpi-n1-r{number}" for number in range(3))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("made") / "results"
    results.mkdir()
    made_campaign(results)
    return results


@pytest.fixture
def results(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(kept, tmp_path / "results"))


def ended(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = program.main(list(words))
    return code, out.getvalue(), err.getvalue()


def link_elsewhere(run: Path) -> None:
    run.rename(run.parent.parent / "moved")
    run.symlink_to(run.parent.parent / "moved")


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "not JSON": lambda run: (run / "manifest.json").write_text("{"),
    "another's name": lambda run: shutil.copy(run.parent / SECOND / "manifest.json", run / "manifest.json"),
    "a name that leads outside": lambda run: rename(run / "manifest.json", "../../x"),
    "a scheduler that there is not": lambda run: put_in(run / "manifest.json", "scheduler", "/dev/stdin"),
    "a link": link_elsewhere,
    "a pipe": lambda run: ((run / "manifest.json").unlink(), os.mkfifo(run / "manifest.json")),  # type: ignore[func-returns-value]
    "written by others": lambda run: run.chmod(0o777),
}


def put_in(manifest: Path, key: str, value: object) -> None:
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), key: value}))


def rename(manifest: Path, name: str) -> None:
    document = json.loads(manifest.read_text())
    document["spec"]["run"] = name
    manifest.write_text(json.dumps(document))


@pytest.mark.parametrize("what", some_quick(DAMAGE, "not JSON", "a link"))
def test_a_run_that_cannot_be_read_is_a_row_with_its_cause_and_hides_no_other(results: Path, what: str) -> None:
    DAMAGE[what](results / "c" / FIRST)
    code, out, err = ended("status", "c", "--json")
    rows = {run["run"]: run for run in json.loads(out)["campaigns"][0]["runs"]}
    assert code == 0 and len(rows) == 3, err
    (bad,) = (run for run in rows.values() if run["damaged"])
    assert bad["state"] == "failed" and bad["cause"]
    assert sorted(run["state"] for run in rows.values()) == ["completed", "failed", "failed"]
    code, out, err = ended("collect", "c", "--json")
    document = json.loads(out)["campaigns"][0]
    assert code == 1 and len(document["damaged"]) == 1 and "is left as it is" in err
    assert len(Store(default_url(results)).campaign("c")) == 2
    assert ended("logs", "c")[0] == 0


def test_a_damaged_result_is_a_failure_with_its_cause_and_is_not_trained_again(results: Path) -> None:
    result = results / "c" / FIRST / "attempt-1" / "result.json"
    result.write_text('{"schema": "orchestrator.result/1"')
    loaded = campaigns.load(results / "c")
    found = query_statuses(scheduler(loaded.scheduler), loaded.runs)
    bad = found[0]
    assert (bad.state, bad.damaged) == ("failed", True) and "result.json" in str(bad.cause)
    assert [status.state for status in found[1:]] == ["completed", "failed"]
    loaded.runs[0][1].config["cluster"]["limits"]["max_attempts"] = 5
    retry = Retry()
    retry.begin(found)
    assert not retry.takes(loaded.runs[0], bad) and retry.takes(loaded.runs[2], found[2])
    assert ended("collect", "c")[0] == 0
    (row,) = (record.run for record in Store(default_url(results)).campaign("c") if record.run["run"] == FIRST)
    assert row["state"] == "failed" and "result.json" in str(row["cause"])


def test_telemetry_that_is_none_fails_its_own_run_alone(results: Path) -> None:
    (results / "c" / FIRST / "attempt-1" / "telemetry.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert ended("collect", "c")[0] == 0
    states = {record.run["run"]: record.run["state"] for record in Store(default_url(results)).campaign("c")}
    assert states == {FIRST: "failed", SECOND: "completed", THIRD: "failed"}


def test_the_newest_of_many_folders_is_found_without_looking_into_all(results: Path) -> None:
    for number in range(5):
        (results / f"empty-{number}").mkdir()
    made_campaign(results, "newer", runs=1)
    os.utime(results / "c", (1, 1))
    code, out, _ = ended("status", "--json")
    assert code == 0 and json.loads(out)["campaigns"][0]["campaign"] == "newer"


def test_a_report_is_written_where_it_was_meant_to_be(results: Path, tmp_path: Path) -> None:
    assert ended("collect", "c")[0] == 0
    shown = ended("report", "c", "--format", "csv", "-o", "-")[1]
    assert shown.startswith("campaign,run,") and not Path("-").exists()
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "latest.csv").symlink_to("real.csv")
    assert ended("report", "c", "--format", "csv", "-o", "folder")[0] == 1
    assert ended("report", "c", "--format", "junit", "-o", "latest.csv")[0] == 1
    assert (tmp_path / "latest.csv").is_symlink() and "testsuite" in (tmp_path / "real.csv").read_text()
    assert ended("report", "c", "--format", "junit", "-o", os.devnull)[0] == 1
    assert not Path(os.devnull).is_file()
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert ended("report", "c", "--format", "junit", "-o", "pipe")[0] == 1
    assert b"testsuite" in os.read(reader, 10**6) and (tmp_path / "pipe").is_fifo()
    os.close(reader)


EVIL = "\x1b]0;owned\x07\x9b2J\u202e"


def test_control_characters_reach_no_terminal_and_colours_do() -> None:
    raw = io.BytesIO()
    stream = PlainStream(raw, "utf-8", write_through=True)
    print(f"name {EVIL}", file=stream)
    console = PlainConsole(file=stream.drawn, force_terminal=True, color_system="standard")  # type: ignore[arg-type]
    console.print(f"[red]cause[/red] {EVIL}", highlight=False)
    stream.flush()
    text = raw.getvalue().decode()
    assert "\x1b]0" not in text and "\x07" not in text and "\x9b" not in text and "\u202e" not in text
    assert text.count("\\x1b]0;owned") == text.count("\\x9b2J\\u202e") == 2 and "\x1b[31mcause" in text
    assert text.index("name") < text.index("cause")


@pytest.mark.parametrize("form", some_quick(["terminal", "markdown", "csv", "junit", "json"], "csv"))
def test_no_form_of_a_report_has_control_characters_or_formulas_of_others(results: Path, form: str) -> None:
    failure = results / "c" / THIRD / "attempt-1" / "failure.json"
    document = json.loads(failure.read_text())
    for cause in (EVIL, "=cmd|' /C calc'!A0", " =1+1", "[red]x[/nothing]"):
        failure.write_text(json.dumps({**document, "cause": cause}))
        assert ended("collect", "c")[0] == 0
        code, out, err = ended("report", "c", "--format", form)
        assert code == 1 and not set("\x1b\x07\x9b\u202e") & set(out), err
        assert form != "csv" or ("=cmd" in out) == ("'=cmd" in out)


def test_texts_of_a_result_that_look_like_markup_are_shown_as_they_are(results: Path) -> None:
    for name in ("account", "result"):
        path = results / "c" / FIRST / "attempt-1" / f"{name}.json"
        path.write_text(path.read_text().replace('"slurm"', '"[red]x[/nothing]"').replace('"rapl"', '"[/nothing]"'))
    assert ended("collect", "c")[0] == 0
    assert ended("report", "c")[0] == 1
