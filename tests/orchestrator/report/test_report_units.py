"""Runs that count other items than samples say so wherever their throughput is shown."""

from __future__ import annotations

import io
import json
import time
from csv import DictReader
from pathlib import Path
from typing import Any, cast

import h5py
import jsonschema
import pytest
from rich.console import Console
from stored import stored_run

from orchestrator.analysis.courses import judge_courses
from orchestrator.campaign.state import RunStatus
from orchestrator.report import comparisons, document
from orchestrator.report.formats import Report, csv, markdown, prometheus
from orchestrator.report.html.campaign import write_campaign
from orchestrator.report.html.history import write_history
from orchestrator.report.tables.comparisons import print_verdicts
from orchestrator.report.tables.inference import print_inference, throughput_columns, throughput_rows
from orchestrator.report.tables.live import status_line
from orchestrator.report.tables.runs import print_report
from orchestrator.report.tables.units import RateColumn
from orchestrator.store.entries import HistoryRow, RunRow
from orchestrator.store.store import RunRecord
from workloads.runtime.measurement.progress import Progress


def training(folder: Path, benchmark: str, unit: str, nodes: int = 1, **changes: Any) -> RunRecord:
    """A training of a benchmark whose data set counts items of its own."""
    name = f"{benchmark}-n{nodes}-{changes.get('recipe', 'small')}"
    record = stored_run(folder, name=name, nodes=nodes, benchmark=benchmark, throughput_unit=unit, **changes)
    with h5py.File(Path(record.run["directory"]) / "attempt-1" / "telemetry.h5", "a") as file:
        file.attrs["unit"] = unit.removesuffix("/s")
    record.run |= {"threads_per_rank": None, "global_batch": None}
    return record


def words_alone(folder: Path) -> list[RunRecord]:
    """Two scales and two recipes of a benchmark that counts tokens."""
    fast = training(folder, "words", "tokens/s", recipe="fast")
    return [*(training(folder, "words", "tokens/s", nodes) for nodes in (1, 2)), fast]


def words_and_pictures(folder: Path) -> list[RunRecord]:
    """The same beside a benchmark that counts samples."""
    pictures = [training(folder, "pictures", "samples/s", nodes) for nodes in (1, 2)]
    return [*words_alone(folder), *pictures, training(folder, "pictures", "samples/s", recipe="fast")]


def forms_of(records: list[RunRecord], folder: Path) -> dict[str, str]:
    """A report in all its forms for people, and as JSON."""
    found = document.report_document("c", records)
    jsonschema.validate(json.loads(json.dumps(found)), json.loads(document.SCHEMA_FILE.read_text()))
    stream = io.StringIO()
    print_report(found, Console(file=stream, width=250))
    page = write_campaign(found, records, folder / "html")
    pages = "".join(path.read_text() for path in sorted(page.parent.rglob("*.html")))
    text = markdown.render([Report("c", found, records)])
    return {"terminal": stream.getvalue(), "markdown": text, "html": pages, "json": json.dumps(found)}


def test_runs_of_one_unit_head_their_columns_with_it(tmp_path: Path) -> None:
    forms = forms_of(words_alone(tmp_path), tmp_path)
    for form, text in forms.items():
        assert "tokens/s" in text and "samples/s" not in text, form
    assert forms["terminal"].count("200.0 tokens/s") == 0
    assert "| ranks | tokens/s |" in forms["markdown"]


def test_where_units_differ_each_throughput_has_its_own_beside_it(tmp_path: Path) -> None:
    forms = forms_of(words_and_pictures(tmp_path), tmp_path)
    for form in ("terminal", "markdown", "html"):
        for words in ("200 tokens/s", "200 samples/s"):
            assert words in forms[form].replace("200.0 ", "200 "), (form, words)
    assert "| ranks | throughput |" in forms["markdown"]
    assert 'id="throughput-tokens"' in forms["html"] and 'id="throughput-samples"' in forms["html"]


def test_runs_that_count_differently_are_no_repeats_of_one_another(tmp_path: Path) -> None:
    records = [
        training(tmp_path, "words", unit, repeat=repeat) for repeat, unit in enumerate(("tokens/s", "samples/s"))
    ]
    scales = document.report_document("c", records)["scales"]
    assert [(entry["n"], entry["throughput"]["unit"]) for entry in scales] == [(1, "tokens/s"), (1, "samples/s")]


def test_exports_name_the_unit_in_a_column_or_in_the_gauge(tmp_path: Path) -> None:
    records = words_and_pictures(tmp_path)
    reports = [Report("c", document.report_document("c", records), records)]
    rows = list(DictReader(io.StringIO(csv.render(reports))))
    assert {(row["benchmark"], row["throughput_unit"]) for row in rows} == {
        ("words", "tokens/s"), ("pictures", "samples/s"),
    }  # fmt: skip
    lines = [line for line in prometheus.render(reports).splitlines() if line.startswith("orchestrator_throughput_")]
    assert len(lines) == 6
    for line in lines:
        items = "tokens" if 'benchmark="words"' in line else "samples"
        assert line.startswith(f"orchestrator_throughput_{items}_per_second{{"), line


def timed_row(run: RunRow, week: str) -> HistoryRow:
    """A run as a history has it."""
    return cast(HistoryRow, {**run, "week": week})


def test_verdicts_and_histories_are_in_the_unit_of_the_newest_runs(tmp_path: Path) -> None:
    rows = [
        timed_row(training(tmp_path, "words", "tokens/s", campaign=campaign, created=created).run, "2026-W39")
        for campaign, created in (("old", 1.79e9), ("new", 1.79e9 + 60))
    ]
    compared = comparisons.comparison_document([(row["campaign"], [row]) for row in rows])
    assert [item["unit"] for item in compared["series"][0]["metrics"]] == ["tokens/s", "s"]
    stream = io.StringIO()
    print_verdicts(compared, Console(file=stream, width=250))
    (course,) = judge_courses(rows, "campaign")
    page = write_history(rows, tmp_path / "html").read_text()
    for text in (stream.getvalue(), course.unit, page):
        assert "tokens/s" in text and "samples/s" not in text


def test_tokens_are_never_judged_against_samples(tmp_path: Path) -> None:
    sets = []
    for number, (unit, rate) in enumerate([("samples/s", 100.0), ("tokens/s", 9e4), ("tokens/s", 9e4)]):
        rows = [
            timed_row(training(tmp_path, "words", unit, campaign=f"c{number}", repeat=repeat, rate=rate).run, "w")
            for repeat in range(5)
        ]
        sets.append((f"c{number}", rows))
    (series,) = comparisons.comparison_document(sets)["series"]
    assert [point["set"] for point in series["points"]] == ["c1", "c2"] and not series["change_points"]
    assert series["metrics"][0]["earlier_n"] == 5
    (course,) = judge_courses([row for _, rows in sets for row in rows], "campaign")
    assert [level.name for level in course.levels] == ["c1", "c2"]


@pytest.mark.parametrize(("unit", "shown"), [("points", "12.5 points/s"), (None, "12.5 samples/s")])
def test_the_live_view_says_what_a_heartbeat_counts(unit: str | None, shown: str) -> None:
    beat = Progress(phase="train", step=3, samples_per_s=12.5, unit=unit or "samples").heartbeat()
    if unit is None:
        del beat["unit"]
    status = RunStatus("r", "running", ranks=2, ranks_alive=2, heartbeat={**beat, "time": time.time()})
    assert shown in status_line(status)


def test_an_empty_table_is_headed_as_one_of_samples() -> None:
    assert RateColumn.of([]).heading == "samples/s"


def inference(**more: Any) -> Any:
    latency = {"batch_size": 1, "n": 200, "mean": 1.6, "p50": 1.25, "p90": 13.0, "p99": 121.0, "max": 130.0}
    rates = [{"batch_size": size, "samples_per_s": rate, "per_rank": [rate]} for size, rate in ((1, 12.5), (32, 377.0))]
    return {
        "weights": {"source": "checkpoint"}, "load_s": {"slowest": 0.034, "per_rank": [0.034]},
        "latency_ms": {"memory": latency, "file": {**latency, "p50": 1.5}}, "throughput": rates, **more,
    }  # fmt: skip


TEXTS = {"unit": "tokens", "per_sample": 32.0, "what": "a text of 32 tokens"}


def test_inference_says_what_samples_are_made_of_where_that_is_counted() -> None:
    assert throughput_rows(inference()) == [[1, 12.5], [32, 377.0]]
    assert throughput_rows(inference(predicted=TEXTS)) == [[1, 12.5, 400.0], [32, 377.0, 12064.0]]
    assert throughput_columns(inference(predicted=TEXTS)) == ("batch", "samples/s", "tokens/s")


def test_inference_is_told_by_batch_and_latency_in_lines_of_any_terminal() -> None:
    stream = io.StringIO()
    runs: Any = [{"run": "r", "inference": inference(predicted=TEXTS)}, {"run": "trained", "inference": None}]
    print_inference(runs, Console(file=stream, width=60))
    assert stream.getvalue().splitlines() == [
        "Inference (all ranks together)",
        "r",
        "  a text of 32 tokens, by a trained model, loaded in 0.03 s",
        "  one sample           p50, ms   p90, ms   p99, ms     n",
        "  in memory               1.25        13       121   200",
        "  read from its file       1.5        13       121   200",
        "  batch   samples/s   tokens/s",
        "      1        12.5        400",
        "     32         377      12064",
    ]
