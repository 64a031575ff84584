"""Tables at terminals of 60 to 200 columns, and through a pipe: nothing is cut off, nothing is of no width."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console
from rich.table import Table
from stored import failed_run, stored_run

from orchestrator.report.document import report_document
from orchestrator.report.entries.document import ReportDocument
from orchestrator.report.tables.fitting import UNLIMITED, print_fitting
from orchestrator.report.tables.live import duration_text, seconds_left
from orchestrator.report.tables.runs import MOST_RUNS, print_report
from workloads.runtime.measurement.progress import Progress

NAME = "disentanglement-shapes3d-beta_tc_vae-reference-horovod-n{}-r{}"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> ReportDocument:
    """A campaign whose runs have long names that differ at their ends."""
    folder = tmp_path_factory.mktemp("runs")
    runs = [(nodes, repeat) for nodes in (1, 16) for repeat in (0, 1)]
    records = [stored_run(folder, name=NAME.format(*run), nodes=run[0], repeat=run[1]) for run in runs]
    return report_document("weekly", records)


def drawn(document: ReportDocument, width: int, **options: object) -> list[str]:
    stream = io.StringIO()
    print_report(document, Console(file=stream, width=width, **options))  # type: ignore[arg-type]
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 200, UNLIMITED])
def test_every_run_is_told_with_its_whole_name_and_its_numbers_at_any_width(
    document: ReportDocument, width: int
) -> None:
    lines = drawn(document, width, no_color=True)
    text = "\n".join(lines)
    tables = text[: text.index("  data: ")]
    for run in document["runs"]:
        assert run["run"] in tables
    assert "macro_f1" in tables and "(target 0.7)" in tables, "once, where all runs share it"
    assert tables.count("0.750") >= len(document["runs"]) and "200.0" in tables
    assert "┃┃" not in text and "││" not in text, "a column of no width"
    # What is no table is one line for whoever copies it.
    drawn_lines = [line for line in lines if line[:1] in "┃│┏┗┡└╇"]
    assert all(len(line) <= width and line[-1] in "┃│┓┩┛┘┦" for line in drawn_lines), "borders are whole"


def test_a_narrow_terminal_gets_blocks_and_a_wide_one_a_table(document: ReportDocument) -> None:
    name = document["runs"][0]["run"]
    narrow, wide = drawn(document, 80, no_color=True), drawn(document, 200, no_color=True)
    place = narrow.index(name)
    assert narrow[place + 1].startswith("  state completed   nodes 1") and len(narrow[place + 1]) <= 80
    assert any(line.startswith(f"│ {name}") for line in wide)


def test_columns_that_nothing_is_in_go_before_those_that_tell_something() -> None:
    table = Table(title="t")
    for heading, justify in (("series", "left"), ("cold", "right"), ("energy", "right")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_row("stemdl small horovod", "180.0", "–")
    stream = io.StringIO()
    print_fitting(table, ("cold", "energy"), Console(file=stream, width=38))
    assert "180.0" in stream.getvalue() and "too narrow for: energy" in stream.getvalue()


def test_neither_a_dumb_terminal_nor_a_person_who_wants_no_colour_gets_any(
    document: ReportDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TERM", "dumb"), ("NO_COLOR", "1")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            text = "\n".join(drawn(document, 80, force_terminal=True))
            assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", text), name


def test_a_terminal_is_not_flooded_by_a_large_campaign_and_a_pipe_gets_all_of_it(document: ReportDocument) -> None:
    names = [f"run-{number:04}" for number in range(MOST_RUNS + 50)]
    runs = [{**document["runs"][0], "run": name} for name in names]
    runs[-1] |= {"state": "failed", "cause": "out of memory"}
    runs[-2] |= {"warnings": ["a slow disk"]}
    large = cast(ReportDocument, {**document, "runs": runs})
    piped = "\n".join(drawn(large, 200, no_color=True))
    assert all(piped.count(name) == 2 for name in names)
    shown = "\n".join(drawn(large, 200, no_color=True, force_terminal=True))
    assert [name for name in names if name in shown] == [*names[: MOST_RUNS - 2], *names[-2:]]
    assert "out of memory" in shown and "a slow disk" in shown
    assert f"{MOST_RUNS} of {MOST_RUNS + 50} runs: those that did not complete or warn, and the first" in shown


def test_what_somebody_ended_has_not_failed(tmp_path: Path) -> None:
    records = [stored_run(tmp_path, repeat=0), failed_run(tmp_path, name="broken", repeat=1)]
    ended = failed_run(tmp_path, name="ended", repeat=2)
    ended.run["state"] = "cancelled"
    (scale,) = report_document("weekly", [*records, ended])["scales"]
    assert (scale["n"], scale["failed"], scale["cancelled"]) == (1, 1, 1)
    text = "\n".join(drawn(report_document("weekly", [*records, ended]), 200, no_color=True))
    assert "1 (1 failed, 1 cancelled)" in text


def test_the_live_view_says_how_long_it_will_still_take() -> None:
    beat = Progress(phase="train", step=25, epochs=10, steps_per_epoch=10).heartbeat()
    assert seconds_left({**beat, "time": 0.0, "elapsed_s": 50.0}) == pytest.approx(150)
    assert seconds_left({**beat, "time": 0.0, "elapsed_s": 0.0}) is None
    assert seconds_left({**beat, "time": 0.0, "elapsed_s": 50.0, "step": 0}) is None
    assert seconds_left({**beat, "time": 0.0, "elapsed_s": 50.0, "step": 100}) is None
    assert [duration_text(seconds) for seconds in (45, 150, 12_000)] == ["45 s", "2 min", "3 h 20 min"]
