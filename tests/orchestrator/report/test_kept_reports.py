"""A report that was made before is given again only while store, program and question are what they were."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from commands import environment
from stored import scaling_campaign, stored_run

from orchestrator.__main__ import main
from orchestrator.campaign import conduct
from orchestrator.campaign.conduct import Outcome
from orchestrator.cli import report
from orchestrator.report import kept
from orchestrator.report.kept import Kept, store_state
from orchestrator.store.store import Store, default_url


@dataclass
class Asked:
    """A store with a campaign, and what ``report`` answers about it; ``made`` counts the reports that were computed."""

    results: Path
    program: Path
    capture: pytest.CaptureFixture[str]
    made: list[str] = field(default_factory=list)

    @property
    def store(self) -> Path:
        return self.results / "store.sqlite"

    @property
    def files(self) -> list[Path]:
        return list((self.results / kept.FOLDER).glob("*"))

    def answer(self, *words: str) -> str:
        assert main(["report", *(words or ("--json",)), f"results={self.results}"]) == 0
        return self.capture.readouterr().out

    def fresh(self, *words: str) -> str:
        """The answer of a copy of the store that nothing is kept beside."""
        copy = self.results.parent / "copy"
        copy.mkdir()
        shutil.copy(self.store, copy)
        made = len(self.made)
        assert main(["report", *(words or ("--json",)), f"results={copy}"]) == 0
        del self.made[made:]
        shutil.rmtree(copy)
        return self.capture.readouterr().out


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    results, program = tmp_path / "results", tmp_path / "program"
    results.mkdir()
    (program / "room").mkdir(parents=True)
    (program / "room" / "part.py").write_text("version = 1")
    Store(default_url(results)).put_all(scaling_campaign(tmp_path / "runs"))
    found = Asked(results, program, capsys)
    whole = report.make_reports

    def counted(*arguments: object) -> list[object]:
        found.made.append("once more")
        return whole(*arguments)  # type: ignore[arg-type,return-value]

    monkeypatch.setattr(report, "make_reports", counted)
    monkeypatch.setattr(kept, "PACKAGE", program)
    # What the test has just written was there long before.
    monkeypatch.setattr(kept, "SETTLED_NS", -(10**18))
    return found


@pytest.mark.parametrize("words", [("--json",), ("weekly",), ("--project", "8,64")], ids=" ".join)
def test_who_asks_again_gets_the_same_to_the_letter_and_waits_for_no_computation(
    asked: Asked, words: tuple[str, ...]
) -> None:
    first = asked.answer(*words)
    assert len(asked.made) == 1 and [file.suffix for file in asked.files] == [".json"]
    assert asked.answer(*words) == first == asked.fresh(*words)
    assert len(asked.made) == 1


def test_other_questions_are_answered_by_themselves(asked: Asked) -> None:
    Store(default_url(asked.results)).put(stored_run(asked.results.parent / "more", "later", created=1.8e9))
    questions = ("weekly",), ("later",), ("weekly", "later"), ("weekly", "--project", "8")
    assert len({asked.answer(*words, "--json") for words in questions}) == len(asked.made) == 4


def replaced(asked: Asked) -> None:
    """By another store of the same size and times."""
    about = asked.store.stat()
    other = asked.store.with_name("other")
    shutil.copy(asked.store, other)
    corrected(other)
    os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert other.stat().st_size == about.st_size
    other.replace(asked.store)


def corrected(store: Path) -> None:
    with sqlite3.connect(store) as connection:
        assert connection.execute("UPDATE run SET throughput_warm = 17.5 WHERE nodes = 1").rowcount > 0
    connection.close()


def shortened(store: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("DELETE FROM run WHERE id = (SELECT max(id) FROM run)")
    connection.close()


def written_in_place(asked: Asked) -> None:
    """By a program that sets the file's time back, as one that restores a copy does."""
    about = asked.store.stat()
    corrected(asked.store)
    os.utime(asked.store, ns=(about.st_atime_ns, about.st_mtime_ns))


CHANGES: dict[str, Callable[[Asked], object]] = {
    "a new run": lambda asked: Store(default_url(asked.results)).put(
        stored_run(asked.results.parent / "n", name="new")
    ),
    "a correction": lambda asked: corrected(asked.store),
    "a run deleted": lambda asked: shortened(asked.store),
    "another file in its place": replaced,
    "a copy restored": written_in_place,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_after_a_change_of_the_store_the_report_is_of_the_store_as_it_is(
    asked: Asked, change: Callable[[Asked], object]
) -> None:
    before = asked.answer()
    change(asked)
    after = asked.answer()
    assert after == asked.fresh() != before
    assert len(asked.made) == 2
    assert asked.answer() == after and len(asked.made) == 2 and len(asked.files) == 1


def test_another_version_of_the_program_makes_its_own_report(asked: Asked) -> None:
    asked.answer()
    (asked.program / "room" / "part.py").write_text("version = 2")
    asked.answer()
    (asked.program / "room" / "new.py").touch()
    asked.answer()
    assert len(asked.made) == 3
    asked.answer()
    assert len(asked.made) == 3


def test_a_change_of_the_program_that_leaves_size_and_time_is_seen(asked: Asked) -> None:
    part = asked.program / "room" / "part.py"
    about = part.stat()
    asked.answer()
    part.write_text("version = 2")
    os.utime(part, ns=(about.st_atime_ns, about.st_mtime_ns))
    asked.answer()
    assert part.stat().st_size == about.st_size and len(asked.made) == 2


@pytest.mark.parametrize("updated", [False, True])
def test_a_run_during_which_the_program_was_updated_leaves_no_report_of_the_code_that_it_began_with(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, updated: bool
) -> None:
    store = Store(default_url(asked.results))

    def conducted(*_: object, **__: object) -> Outcome:
        if updated:
            (asked.program / "room" / "part.py").write_text("version = 2")
        return Outcome("weekly", asked.results, store.campaign("weekly"), False, [], store)

    monkeypatch.setattr(conduct, "conduct", conducted)
    assert main(["benchmark=noop", "mode=noop", "cluster=local", f"results={asked.results}"]) == 0
    assert bool(asked.files) is not updated


def test_nothing_is_kept_by_a_process_that_may_have_loaded_an_earlier_version(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "SETTLED_NS", 0)
    monkeypatch.setattr(kept, "LOADED_NS", (asked.program / "room" / "part.py").stat().st_ctime_ns - 1)
    asked.answer()
    assert not asked.files


def damage(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(change(file.read_bytes()))


def a_link(file: Path) -> None:
    other = file.rename(file.parent.parent / "elsewhere")
    file.symlink_to(other)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut short": damage(lambda content: content[: len(content) // 2]),
    "empty": damage(lambda content: b""),
    "one digit changed": damage(lambda content: content.replace(b"100.0", b"900.0", 1)),
    "no text": damage(lambda content: content[:-20] + bytes(20)),
    "of another question": damage(lambda content: content.replace(b'"project":null', b'"project":"8"')),
    "a link": a_link,
    "a folder": a_folder,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_no_whole_kept_report_is_not_believed(asked: Asked, damage: Callable[[Path], object]) -> None:
    whole = asked.answer()
    (file,) = asked.files
    content = file.read_bytes()
    damage(file)
    assert file.is_dir() or file.is_symlink() or file.read_bytes() != content
    assert asked.answer() == whole
    assert len(asked.made) == 2


def test_what_another_user_has_put_there_is_not_believed(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = asked.answer()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert asked.answer() == whole
    assert len(asked.made) == 2


def test_a_store_that_is_being_written_or_does_not_count_is_read_anew(asked: Asked) -> None:
    asked.answer()
    journal = asked.store.with_name("store.sqlite-journal")
    journal.touch()
    assert store_state(asked.store) is None
    asked.answer()
    journal.unlink()
    assert len(asked.made) == 2
    connection = sqlite3.connect(asked.store)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    assert store_state(asked.store) is None
    asked.answer()
    asked.answer()
    assert len(asked.made) == 4


def test_a_store_of_which_a_second_write_may_have_the_same_time_is_read_anew(asked: Asked) -> None:
    """As on file systems that keep whole seconds."""
    for age, counted in ((0, False), (10, True), (-10, False)):
        second = (int(time.time()) - age) * 10**9
        os.utime(asked.store, ns=(second, second))
        assert (store_state(asked.store) is not None) == counted
    asked.answer()
    assert not asked.files
    os.utime(asked.store)
    assert asked.store.stat().st_mtime_ns % 10**9 and store_state(asked.store)


def test_two_ways_to_one_results_folder_are_one(asked: Asked) -> None:
    whole = asked.answer()
    link = asked.results.with_name("link")
    link.symlink_to(asked.results)
    asked.results = link
    assert asked.answer() == whole and len(asked.made) == 1 and len(asked.files) == 1


def test_a_folder_whose_name_is_no_text_keeps_reports_too(asked: Asked) -> None:
    whole = asked.answer()
    odd = asked.results.with_name("caf\udce9")
    asked.results.rename(odd)
    asked.results.symlink_to(odd)
    words = ("--json", f"store.url={default_url(asked.results)}")
    assert asked.answer(*words) == asked.answer(*words) == whole
    assert len(asked.made) == len(asked.files) == 2


def test_nothing_is_put_into_another_users_folder(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert asked.answer() == asked.answer() == asked.fresh()
    assert len(asked.made) == 2 and not (asked.results / kept.FOLDER).exists()


PROGRAM = """
import sys
from pathlib import Path
from orchestrator.__main__ import main
from orchestrator.report import kept
store, kept.PACKAGE, kept.SETTLED_NS = Path(sys.argv[1]), Path(sys.argv[2]), -(10**18)
"""
REPORTING = f"""{PROGRAM}
sys.exit(main(["report", "--json", f"results={{store.parent}}"]))
"""
KEEPING = f"""{PROGRAM}
here = kept.Kept(store, kept.program_state())
for number in range(100):
    here.keep({{}}, here.state(), [{{"runs": [f"{{sys.argv[3]}} {{number}}"] * 10_000}}])
    (found,) = here.find({{}})
    assert len(found["runs"]) == 10_000 and len(set(found["runs"])) == 1
"""
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def test_commands_at_once_find_whole_reports_and_leave_no_parts(asked: Asked) -> None:
    words = [sys.executable, "-c", KEEPING, str(asked.store), str(asked.program)]
    processes = [subprocess.Popen([*words, name], env=environment()) for name in ("one", "other", "third")]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert [file.suffix for file in asked.files] == [".json"]


def test_in_a_folder_that_may_only_be_read_reports_are_made_as_ever(asked: Asked) -> None:
    words = [sys.executable, "-c", REPORTING, str(asked.store), str(asked.program)]
    if os.geteuid() == 0:
        private = ["unshare", "--mount", "--propagation", "private"]
        if subprocess.run([*private, "true"], capture_output=True).returncode:
            pytest.skip("no mount namespace for a folder that may only be read")
        words = [*private, "sh", "-c", READ_ONLY, str(asked.results), *words]
    else:
        asked.results.chmod(0o555)
    answers = [subprocess.run(words, env=environment(), capture_output=True, text=True) for _ in range(2)]
    asked.results.chmod(0o755)
    assert [(answer.returncode, answer.stderr) for answer in answers] == [(0, "")] * 2
    assert not asked.files and {answer.stdout for answer in answers} == {asked.answer()}


def test_where_nothing_can_be_kept_reports_are_made_as_ever(asked: Asked) -> None:
    (asked.results / kept.FOLDER).write_text("in the way")
    assert asked.answer() == asked.answer()
    assert len(asked.made) == 2


def test_few_are_kept_the_newest(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_QUESTIONS", 2)
    for ranks in ("8", "16", "32"):
        asked.answer("--json", "--project", ranks)
    assert len(asked.files) == 2
    asked.answer("--json", "--project", "32")
    assert len(asked.made) == 3
    asked.answer("--json", "--project", "8")
    assert len(asked.made) == 4


def test_a_number_that_is_none_is_told_again_since_it_cannot_be_kept(asked: Asked) -> None:
    kept_here = Kept(asked.store, kept.program_state())
    document = {"schema": "orchestrator.report/1", "runs": [float("nan")]}
    kept_here.keep({}, kept_here.state(), [document])  # type: ignore[list-item]
    kept_here.keep({}, kept_here.state(), [{"runs": (1, 2)}])  # type: ignore[typeddict-item,list-item]
    assert not asked.files


def test_the_report_of_a_campaign_that_has_just_ended_is_there_already(asked: Asked) -> None:
    report.keep_for_later(Store(default_url(asked.results)), "weekly", kept.program_state())
    assert len(asked.made) == 1
    assert asked.answer() == asked.answer("weekly", "--json") == asked.fresh()
    assert len(asked.made) == 1
