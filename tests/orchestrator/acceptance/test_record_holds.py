"""An acceptance's record: what was changed in it is found, what was not made again is said, and who signed it told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from made import made_campaign, made_record
from quick import some_quick

from orchestrator.__main__ import main
from orchestrator.acceptance.record import SUMS, Record
from orchestrator.acceptance.verification import Verification, is_sound, same_text, verify
from orchestrator.records import document_hash


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accept")
    results = folder / "results"
    results.mkdir()
    return made_record(folder, made_campaign(results))


@pytest.fixture
def record(sealed: Path, tmp_path: Path) -> Path:
    """A copy of the record that may be tampered with."""
    return Path(shutil.copytree(sealed, tmp_path / "record"))


def checked(record: Path, signers: Path | None = None) -> Verification:
    return verify(Record(record), signers)


def test_a_record_that_nobody_touched_is_as_sealed_and_says_what_it_takes_as_it_is(record: Path) -> None:
    found = checked(record)
    assert is_sound(found, None)
    assert found["files"] == {"intact": True, "differences": []} and found["verdict"]["same"] and found["forms"]["same"]
    assert "suite.json" in found["taken_as_they_are"] and "manifests" in found["taken_as_they_are"]
    assert found["signatures"] == [] and not is_sound(found, Path("signers"))


RUN = "runs/c/stemdl-small-mpi-n1-r0"


def write_line(path: Path, line: str) -> None:
    path.write_text(path.read_text() + line)


def lead_away(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a changed byte": (lambda r: write_line(r / "runs.json", " "), "runs.json: changed"),
    "a missing file": (lambda r: (r / RUN / "attempt-1/stdout.txt").unlink(), "stdout.txt: missing"),
    "a file more": (lambda r: (r / "data" / "more.csv").write_text("1"), "data/more.csv: not in SHA256SUMS"),
    "a file that no record has": (lambda r: (r / "start.sh").write_text("x"), "start.sh: is no file of a record"),
    "a link": (lambda r: (r / "data" / "x").symlink_to("/etc/hostname"), "data/x: is a link"),
    "a linked folder": (lambda r: (r / "runs" / "d").symlink_to("/etc"), "runs/d: is a link"),
    "a pipe": (lambda r: os.mkfifo(r / "data" / "pipe"), "data/pipe: is not a plain file"),
    "an empty folder": (lambda r: (r / "runs" / "empty").mkdir(), "runs/empty: is an empty folder"),
    "a doubled line": (lambda r: write_line(r / SUMS, (r / SUMS).read_text().splitlines()[0] + "\n"), "once more"),
    "a junk line": (lambda r: write_line(r / SUMS, "# nothing to see\n"), "is no checksum of a file"),
    "a line that leads outside": (lambda r: write_line(r / SUMS, f"{'0' * 64}  ../../etc/passwd\n"), "missing"),
    "telemetry of another file": (
        lambda r: lead_away(r / RUN / "attempt-1/telemetry.h5"),
        "telemetry.h5: is a link",
    ),
    "no checksums": (lambda r: (r / SUMS).unlink(), "SHA256SUMS cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("what", some_quick(TAMPERED, "a changed byte", "a link", "a doubled line"))
def test_what_was_tampered_with_is_named(record: Path, what: str) -> None:
    tamper, words = TAMPERED[what]
    tamper(record)
    found = checked(record)
    assert not is_sound(found, None)
    assert any(words in line for line in found["files"]["differences"]), found["files"]


def swap(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


def change_json(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


RESEALED: dict[str, tuple[Callable[[Path], object], str]] = {
    "the page says pass": (lambda r: swap(r / "index.html", ("fail", "pass")), "index.html: is not what follows"),
    "JUnit says nothing failed": (lambda r: swap(r / "verdict.xml", ('failures="1"', 'failures="0"')), "verdict.xml"),
    "another verdict": (
        lambda r: change_json(r / "verdict.json", lambda d: d.update(outcome="pass", exit_code=0)),
        "outcome: stored pass",
    ),
    "another inventory": (lambda r: (r / "inventory.json").write_text('{"n9": {}}'), "inventory.json"),
    "a plot's numbers": (lambda r: next(r.glob("data/*.csv")).write_text("x\n"), "is not what follows"),
    "another program in the page": (lambda r: (r / "assets" / "report.js").write_text("x"), "assets/report.js"),
    "no suite": (lambda r: (r / "suite.json").unlink(), "not recomputed"),
    "a run that no index names": (lambda r: shutil.copytree(r / RUN, r / "runs/c/other"), "is no run of runs.json"),
}  # fmt: skip


@pytest.mark.parametrize("what", some_quick(RESEALED, "the page says pass", "another verdict"))
def test_what_follows_from_the_runs_is_made_again_even_where_the_sums_were_too(record: Path, what: str) -> None:
    tamper, words = RESEALED[what]
    tamper(record)
    Record(record).seal()
    found = checked(record)
    lines = found["verdict"]["differences"] + found["forms"]["differences"]
    assert found["files"]["intact"] or what == "no suite"
    assert not is_sound(found, None) and any(words in line for line in lines), lines


def test_without_its_suite_no_verdict_is_said_to_be_recomputed(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (record / "suite.json").unlink()
    assert main(["accept", "verify", str(record)]) == 1
    out = capsys.readouterr().out
    assert "verdict is not confirmed" in out and "is the same" not in out


def test_a_page_of_another_version_is_said_not_to_be_compared(record: Path) -> None:
    change_json(record / "suite.json", lambda document: document.update(version="9.9"))
    Record(record).seal()
    found = checked(record)
    assert "version 9.9 wrote them" in found["forms"]["why"]
    assert found["forms"]["same"] is None and found["forms"]["differences"] == [found["forms"]["why"]]
    assert not is_sound(found, None), "a page that nobody compared may say anything"


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("index.html", "<h1>Acceptance of local: fail", "<h1>Acceptance of local: pass", "index.html: is not headed"),
        ("index.html", "</header>", "<h1>PASS</h1></header>", "index.html: is not headed"),
        ("verdict.xml", 'failures="1"', 'failures="0"', "the number of failed checks, 1"),
    ],
)
def test_of_a_page_of_another_version_the_outcome_is_compared(
    record: Path, name: str, old: str, new: str, words: str
) -> None:
    swap(record / name, (old, new))
    change_json(record / "suite.json", lambda document: document.update(version="9.9"))
    Record(record).seal()
    found = checked(record)
    assert found["forms"]["same"] is False and any(words in line for line in found["forms"]["differences"])


def test_a_record_whose_page_was_not_made_again_is_not_signed(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_json(record / "suite.json", lambda document: document.update(version="9.9"))
    Record(record).seal()
    assert main(["accept", "verify", str(record)]) == 1
    assert "verify the record with version 9.9" in capsys.readouterr().out
    assert main(["accept", "verify", str(record), "--page-as-it-is"]) == 0
    assert main(["accept", "sign", str(record), "--key", str(tmp_path / "key")]) == 1
    assert "is not signed" in capsys.readouterr().out and not list(record.glob("*.sig"))


def count_again(record: Path) -> None:
    change_json(record / "runs.json", lambda document: document["entries"].extend(document["entries"][:1] * 3))  # type: ignore[index,attr-defined]


def copy_under_another_name(record: Path) -> None:
    shutil.copytree(record / RUN, record / "runs/c/other")
    change_json(record / "runs.json", lambda d: d["entries"].append({**d["entries"][0], "run": "other"}))  # type: ignore[index,attr-defined]


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (count_again, f"lists {RUN} 4 times"),
        (copy_under_another_name, "runs/c/other: its manifest is that of c/stemdl-small-mpi-n1-r0"),
    ],
)
def test_a_run_counts_once(record: Path, tamper: Callable[[Path], None], words: str) -> None:
    tamper(record)
    found = checked(record)
    lines = found["verdict"]["differences"] + found["forms"]["differences"]
    assert not is_sound(found, None) and any(words in line for line in lines), lines


def test_names_in_the_index_lead_nowhere(record: Path) -> None:
    change_json(record / "runs.json", lambda document: document["entries"][0].update(run="../../../etc"))  # type: ignore[index]
    found = checked(record)
    assert "leads nowhere" in found["verdict"]["differences"][0]


needs_keys = pytest.mark.skipif(
    not shutil.which("ssh-keygen"), reason="needs ssh-keygen: apt-get install openssh-client"
)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A facility's key, and beside it the file of accepted signers."""
    path = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    public = " ".join(path.with_suffix(".pub").read_text().split()[:2])
    (tmp_path / "signers").write_text(f"operator@site {public}\n")
    return path


@needs_keys
def test_a_resealed_record_is_told_from_the_signed_original(
    record: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signers = tmp_path / "signers"
    before = document_hash(sorted(path.name for path in record.rglob("*")))
    assert main(["accept", "sign", str(record), "--key", str(key)]) == 0
    assert document_hash(sorted(path.name for path in record.rglob("*") if not path.name.endswith(".sig"))) == before
    assert main(["accept", "verify", str(record), "--signers", str(signers)]) == 0
    assert "signed by operator@site" in capsys.readouterr().out
    assert main(["accept", "verify", str(record)]) == 0
    assert "not checked: give --signers FILE" in capsys.readouterr().out
    change_json(record / "runs.json", lambda document: document.update(started=1.0))
    Record(record).seal()
    found = checked(record, signers)
    assert found["files"]["intact"] and not is_sound(found, signers)
    assert "not of these checksums" in found["signatures"][0]["why"]


@needs_keys
def test_only_signers_that_are_named_count_and_only_for_records(record: Path, key: Path, tmp_path: Path) -> None:
    signers = tmp_path / "signers"
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    assert main(["accept", "sign", str(record), "--key", str(other)]) == 0
    found = checked(record, signers)
    assert found["signatures"][0]["why"] == "by none of the signers" and not is_sound(found, signers)
    (record / "SHA256SUMS.1.sig").unlink()
    words = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", "file", str(record / SUMS)]
    subprocess.run(words, check=True)
    (record / "SHA256SUMS.sig").rename(record / "SHA256SUMS.1.sig")
    assert not is_sound(checked(record, signers), signers)
    (record / "SHA256SUMS.1.sig").unlink()
    assert [main(["accept", "sign", str(record), "--key", str(key)]) for _ in range(2)] == [0, 0]
    assert [one["valid"] for one in checked(record, signers)["signatures"]] == [True, True]


@needs_keys
def test_what_is_not_as_it_was_sealed_is_not_signed(record: Path, key: Path) -> None:
    (record / "runs.json").write_text("{}")
    assert main(["accept", "sign", str(record), "--key", str(key)]) == 1
    assert not list(record.glob("*.sig"))
    assert main(["accept", "sign", str(record)]) == 64
    assert main(["accept", "sign", str(record), "--key", "nowhere"]) in (1, 64)


def test_texts_are_the_same_but_for_the_last_digits_of_numbers() -> None:
    assert same_text("a 0.123456 b", "a 0.123457 b") and not same_text("a 0.12 b", "a 0.13 b")
    assert not same_text("3 runs", "4 runs") and not same_text("fail 1.0", "pass 1.0")


@pytest.mark.parametrize(
    ("key", "value"),
    [("check", "fine"), ("quantity", "../x"), ("limit", 0), ("quantity", None), ("bounds", {"*": 1.0})],
)
def test_a_check_that_there_is_not_is_one_line(record: Path, key: str, value: object) -> None:
    change_json(record / "suite.json", lambda document: document["checks"][2].update({key: value}))  # type: ignore[index]
    found = checked(record)
    assert not is_sound(found, None) and "suite" in found["verdict"]["differences"][0]
