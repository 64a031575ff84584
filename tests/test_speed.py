"""The table of speeds: what the kept figures make of it, and the command that measures and writes it."""

from __future__ import annotations

import datetime
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import speed
from commands import PROJECT
from parts import picks
from parts.figures import KEPT, Figure, Machine, Picked, describe_machine, keep_figure, read_figures
from parts.rows import PLACES, ROWS, SECTIONS, WITHOUT, Row

ELSEWHERE = Machine("Other", 4, "none", 8)
FIGURE = Figure(Picked(2.0, 3, 1.5, 2.5, "2 beside 1"), "good.py", ELSEWHERE, "2026-01-01", "0123456", True)
GOOD = 'import sys; print("noise"); print(\'{"benchmark": "good", "ratio": 4.0, "n": 7}\'); sys.exit(1)'


def test_the_page_has_the_table_that_the_kept_figures_make() -> None:
    page = speed.PAGE.read_text(encoding="utf-8")
    assert speed.put_table(page, speed.make_table(SECTIONS, KEPT)) == page, "python tests/benchmarks/speed.py --write"


def test_every_benchmark_makes_a_row_or_says_why_not() -> None:
    scripts = {path.name for path in (PROJECT / "tests" / "benchmarks").glob("*.py")}
    rows = {row.script for row in ROWS.values()}
    assert rows | set(WITHOUT) == scripts and not rows & set(WITHOUT)
    assert len(ROWS) == sum(len(rows) for rows in SECTIONS.values()), "two rows of one name"
    assert {place for row in ROWS.values() for place in row.places} == set(PLACES)


def test_every_blueprint_and_benchmark_has_a_row() -> None:
    told = " ".join(row.what for row in ROWS.values())
    families = {path.parent.name for path in (PROJECT / "workloads").glob("*/benchmark.yaml")}
    assert {name for name in families if name not in told} <= {"noop", "probe"}


def test_every_kept_figure_belongs_to_a_row_and_says_of_what_how_many_and_when() -> None:
    assert {path.stem for path in KEPT.iterdir()} <= set(ROWS)
    for name in ROWS:
        for figure in read_figures(name):
            assert figure.picked.n >= 1 and datetime.date.fromisoformat(figure.date) and figure.machine.cores
            assert "/home" not in figure.config and " /" not in figure.config, "a machine's path"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scripts of which one works, though it misses its limit, and a page; on a machine that does nothing else."""
    monkeypatch.setattr(speed, "is_idle", lambda: True)
    monkeypatch.setattr(speed, "LOGS", tmp_path / "logs")
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text("raise SystemExit('no such thing')")
    (tmp_path / "other.py").write_text("print('{\"another\": 1}')")
    (tmp_path / "page.md").write_text(f"before\n{speed.BEGIN}\nold\n{speed.END}\nafter\n")
    return tmp_path


def run(place: Path, *words: str) -> int:
    """The command on three rows."""
    ratio = picks.value("ratio")
    rows = [Row("bad", "fails", "bad.py", ratio), Row("other", "prints something else", "other.py", ratio),
            Row("good", "works", "good.py", ratio, asked=5), Row("far", "needs", "good.py {osu}", ratio)]  # fmt: skip
    folders = ["--scripts", place, "--figures", place / "figures", "--page", place / "page.md", "--places", place]
    return speed.main([*map(str, folders), *words], {"Section": rows})


def test_a_row_that_fails_loses_no_other(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    keep_figure("good", FIGURE, place / "figures")
    assert run(place) == 1
    told = capfd.readouterr().err
    assert "no such thing" in told and "left out: far" in told and "failed: bad, other" in told
    kept, new = read_figures("good", place / "figures")
    assert kept == FIGURE and new.machine == describe_machine() and new.picked.value == 4 and new.picked.n == 7
    page = (place / "page.md").read_text()
    assert page.startswith("before\n") and page.endswith("after\n") and "old" not in page
    assert "| works | 2 (1.5 to 2.5) | ≥ 5, missed | 2 beside 1 | 3 | `good.py` | A |" in page
    assert "|  | 4 | ≥ 5, missed |  | 7 | `good.py` | B |" in page and "| fails | not measured |" in page


def test_writing_alone_and_listing_measure_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_figure("good", FIGURE, place / "figures")
    assert run(place, "--write") == 0 and read_figures("good", place / "figures") == [FIGURE]
    assert "2 beside 1" in (place / "page.md").read_text()
    assert run(place, "--list") == 0
    assert "far   needs osu" in capsys.readouterr().out


def test_only_rows_that_are_named_and_fit_are_measured(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(place, "--only", "go", "--minutes", "1") == 0
    assert "left out" in capfd.readouterr().err and not read_figures("good", place / "figures")
    assert run(place, "--only", "go", "--minutes", "3", "--", "--more") == 0
    assert [figure.config for figure in read_figures("good", place / "figures")] == ["good.py --more"]
    assert run(place, "--only", "nothing") == 2


def test_seconds_of_a_busy_machine_do_not_replace_those_of_an_idle_one(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "is_idle", lambda: False)
    idle = replace(FIGURE, machine=describe_machine())
    keep_figure("good", idle, place / "figures")
    assert run(place, "--only", "good") == 0 and read_figures("good", place / "figures") == [idle]
    assert run(place, "--only", "good", "--busy") == 0
    assert [figure.picked.value for figure in read_figures("good", place / "figures")] == [4]


def test_a_command_that_takes_too_long_ends_with_all_that_it_started(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    job = speed.Job((ROWS["plan"],), command, "", {}, (), -1.24, "")
    with pytest.raises(TimeoutError, match="not done"):
        speed.measure(job, tmp_path / "log")


def test_ratios_of_loops_are_told_with_both_sides_and_what_they_came_to() -> None:
    found = {
        "ratio": 2.5, "range": [2.4, 2.6], "rounds": 3, "clock": "cpu", "data_share": 0.004,
        "samples_per_s": {"published": 10.0, "ours": 25.0}, "loss": {"steps": 8, "published": 0.12, "ours": 0.11},
    }  # fmt: skip
    beside = "25 beside 10 samples/s; loss 0.11 beside 0.12; 0.4 % waits for data"
    assert picks.loop([found], True) == Picked(2.5, 3, 2.4, 2.6, beside, "processor")
