"""How verbs that fail end: one line, one document, one exit code out of README's table."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import PROJECT, environment, orchestrate, unpack

from orchestrator import __main__ as program
from orchestrator.cli import common, status
from orchestrator.cli.verbs import VERBS
from orchestrator.errors import EXIT_CODES, EXIT_DEFECT, EXIT_NOT_NOW, EXIT_USAGE
from orchestrator.report.json_text import json_text
from orchestrator.store.store import Store, StoreError

KEPT = PROJECT / "tests" / "recorded" / "version-0.1.tar.gz"

WRONG = {
    "run": ["benchmark=stemld"],
    "plan": ["benchmark=stemdl", "nodes=0"],
    "list": ["nope"],
    "status": ["nope"],
    "logs": ["nope", "neither"],
    "resume": ["nope"],
    "cancel": ["nope"],
    "collect": ["nope"],
    "report": ["nope"],
    "compare": ["nope", "neither"],
    "history": ["nope"],
    "store": ["info"],
    "accept": ["suite=nope", "cluster=local"],
    "data": ["stemdl", "verfy"],
    "schedule": ["show", "name=nope"],
    "doctor": ["cluster=locl"],
    "setup": ["nope"],
    "help": ["nope"],
    "completion": ["nope"],
}


def ended(*words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = program.main(list(words))
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.quick(6)
def test_a_wrong_name_is_a_line_for_people_and_a_document_for_programs(verb: str) -> None:
    code, out, err = ended(verb, *WRONG[verb])
    assert (code, out) == (EXIT_USAGE, "") and err.startswith("error: ")
    code, out, told = ended(verb, *WRONG[verb], "--json")
    document = json.loads(out)
    assert (code, document["exit_code"], document["verb"]) == (EXIT_USAGE, EXIT_USAGE, verb)
    assert document["schema"] == "orchestrator.error/1" and set(document["error"]) == {
        "kind",
        "message",
        "key",
        "remedy",
    }
    assert document["error"]["kind"] == "usage" and document["error"]["message"] in told
    assert document["error"]["remedy"], "and says what to do"


def test_an_error_about_a_value_names_its_key_apart() -> None:
    error = json.loads(ended("plan", "benchmark=stemdl", "cluster.limits.time_min=-5", "--json")[1])["error"]
    assert (error["key"], error["remedy"]) == ("cluster.limits.time_min", "must be at least 1.")


def test_an_error_about_an_unknown_key_names_it_apart() -> None:
    error = json.loads(ended("plan", "benchmark=stemdl", "cluster.slurm.acount=x", "--json")[1])["error"]
    assert (error["key"], error["remedy"]) == ("cluster.slurm.acount", "Did you mean cluster.slurm.account?")


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["cancel"],
        ["compare", "a"],
        ["store"],
        ["store", "import", "nope"],
        ["accept"],
        ["accept", "propose", "suite=ci"],
        ["data"],
        ["data", "benchmark=stemdl"],
        ["history", "accept", "abc"],
        ["report", "--format", "html"],
    ],
)
def test_what_is_not_said_is_asked_for_in_one_line_with_what_to_write(words: list[str]) -> None:
    code, out, _ = ended(*words, "--json")
    error = json.loads(out)["error"]
    assert code == EXIT_USAGE and error["remedy"] and "\n" not in error["message"]


def test_data_takes_the_benchmark_as_the_other_verbs_do() -> None:
    named = ended("data", "benchmark=stemdl", "info", "recipe=small", "--json")
    assert named == ended("data", "stemdl", "info", "recipe=small", "--json") and named[0] == 0


def test_doctor_validates_as_run_does() -> None:
    assert ended("doctor", "cluster.limits.time_min=-5")[0] == EXIT_USAGE
    assert ended("doctor", 'cluster.name="[/x]"')[0] == EXIT_USAGE


@pytest.mark.parametrize(
    "words",
    [
        ["report", "--project", "²"],
        ["report", "--project", "9" * 50],
        ["report", "--project", "1,,2"],
        ["report", "--history", "window=²"],
        ["report", "--history", "week=２０２６-W07"],
        ["report", "n" * 300],
        ["status", "n" * 300],
        ["status", "n/" * 5000],
        ["resume", "/proc/self"],
        ["resume", ""],
        ["cancel", "/dev/null"],
        ["collect", "\udcff"],
        ["accept", "verify", "/proc/self"],
        ["accept", "propose", "suite=ci", "cluster=local", "campaigns=a", "lower=nan"],
        ["schedule", "run", "/proc/self"],
        ["schedule", "run", "~"],
        ["plan", "benchmark=null"],
        ["plan", "benchmark=stemdl", "recipe=null"],
        ["doctor", "cluster=null"],
        ["plan", "benchmark=stemdl", "cluster=local,null", "-m"],
        ["plan", "benchmark=stemdl", f"scale={'a' * 300}"],
        ["plan", "benchmark=stemdl", "cluster=[local,cpu]"],
        ["plan", "benchmark=stemdl", f"dataset='{'a/' * 3000}'"],
    ],
)
@pytest.mark.quick(5)
def test_a_name_that_nothing_has_is_no_traceback(words: list[str], tmp_path: Path) -> None:
    unpack(KEPT, tmp_path)
    code, _, err = ended(*words)
    assert code == EXIT_USAGE, err
    assert err.startswith("error: ") and "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["status", "version-0.1"], 0, ""),
        (
            ["report"],
            EXIT_USAGE,
            r"/caf\udce9/results/store.sqlite: databases take names in UTF-8 alone; rename the folder",
        ),
        (["report", "results=elsewhere"], EXIT_USAGE, r"There is no store in "),
        (["collect", "version-0.1"], EXIT_USAGE, "databases take names in UTF-8 alone"),
        (["plan", "benchmark=noop", "mode=noop"], EXIT_USAGE, r"/caf\udce9/results': is not text in UTF-8"),
        (["benchmark=noop", "mode=noop", "results=/tmp/r"], EXIT_USAGE, r"/caf\udce9/data': is not text in UTF-8"),
    ],
    ids=lambda found: " ".join(found) if isinstance(found, list) else "",
)
def test_in_a_folder_whose_name_is_no_text_a_verb_works_or_says_what_stands_in_the_way(
    tmp_path: Path, words: list[str], code: int, why: str
) -> None:
    folder = tmp_path / "caf\udce9"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes no such name")
    unpack(KEPT, folder)
    answer = orchestrate(*words, cwd=folder)
    assert answer.code == code and why in answer.err and "Traceback" not in answer.err, answer.err


def test_a_terminal_does_nothing_by_what_was_typed() -> None:
    assert "\x1b" not in ended("status", "\x1b]0;owned\x07x")[2]


def test_no_error_tells_a_password() -> None:
    for words in (["report", "store.url=postgresql://u:pa55word@127.0.0.1:1/db"], ["plan", "x=http://u:pa55word@host"]):
        code, out, err = ended(*words, "--json")
        assert code in (EXIT_NOT_NOW, EXIT_USAGE) and "pa55word" not in out + err


def test_what_cannot_be_done_now_has_a_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended("report", "store.url=postgresql://u@127.0.0.1:1/db")[0] == EXIT_NOT_NOW, "a store that is away"
    assert ended("report", "store.url=nonsense")[0] == EXIT_USAGE, "and one that never was"


def test_a_defect_keeps_its_trace_and_has_a_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> int:
        raise ZeroDivisionError("postgresql://u:pa55word@db")

    monkeypatch.setattr(status, "main", broken)
    code, out, err = ended("status", "--json")
    assert code == json.loads(out)["exit_code"] == EXIT_DEFECT and json.loads(out)["error"]["kind"] == "defect"
    assert "Traceback" in err and "ZeroDivisionError" in err and "pa55word" not in out + err


def test_ctrl_c_and_a_folder_that_is_not_to_be_used_end_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "main", interrupted)
    assert ended("status")[::2] == (130, "error: interrupted\n")

    def unusable(*arguments: Any) -> int:
        raise PermissionError(13, "Permission denied", "/somewhere/else")

    monkeypatch.setattr(status, "main", unusable)
    assert ended("status")[::2] == (EXIT_NOT_NOW, "error: /somewhere/else: Permission denied\n")


def test_readme_has_the_table_of_all_exit_codes() -> None:
    text = (PROJECT / "README.md").read_text()
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in text


def test_what_is_no_number_is_null_with_its_reason() -> None:
    text = json_text({"runs": [{"throughput": float("nan"), "n": 1}, {"throughput": float("inf")}], "x": 2.5})
    document = json.loads(text, parse_constant=lambda word: pytest.fail(word))
    assert document["runs"] == [{"throughput": None, "n": 1}, {"throughput": None}] and document["x"] == 2.5
    assert document["not_numbers"] == {"runs[0].throughput": "not a number", "runs[1].throughput": "infinite"}


def test_folders_that_may_not_be_read_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / "results" / name).mkdir(parents=True)
    # For root nothing is closed.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name == "results")
    with pytest.raises(common.ClosedFolders, match="2 folders there are another's"):
        common.campaign_folders([], tmp_path / "results")


def test_a_store_that_another_user_made_is_known_before_anything_is_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.sqlite")
    store.refuse_read_only()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "store.sqlite")
    with pytest.raises(StoreError, match=r"store\.sqlite may not be by"):
        store.refuse_read_only()


@pytest.mark.parametrize("words", [["--help"], ["report", "--help"], ["plan", "benchmark=stemdl", "nodes=[1,2,3,4]"]])
def test_a_reader_that_goes_away_ends_nothing(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "orchestrator", *words]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment(), text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
