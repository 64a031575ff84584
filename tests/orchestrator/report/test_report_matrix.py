"""Data sets × methods in every form of the report, from runs made without running."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from rich.console import Console
from stored import failed_run, stored_run

from orchestrator.cli.common import worst_exit_code
from orchestrator.report.document import SCHEMA_FILE, report_document
from orchestrator.report.entries.matrix import MeanEntry
from orchestrator.report.entries.runs import missed_target
from orchestrator.report.formats import FORMATS, Report
from orchestrator.report.grid import grid_of, mean_text, sources_of
from orchestrator.report.tables.matrix import print_matrices
from orchestrator.report.tables.runs import print_report
from orchestrator.report.tables.text import accuracy_time_text, headline
from orchestrator.store.store import RunRecord

SCORES = {
    ("apples", "plain"): (0.70, 0.71, 0.72), ("apples", "clever"): (0.90, 0.91, 0.92),
    ("pears", "plain"): (0.60, 0.70, 0.80), ("pears", "clever"): (0.65, 0.75, 0.85),
}  # fmt: skip
PUBLISHED = [
    {"metric": "accuracy", "value": 0.95, "source": "a paper", "dataset": "apples", "method": "clever"},
    {"metric": "accuracy", "value": 0.99, "source": "another", "dataset": "pears", "method": "magic"},
    {"metric": "accuracy", "value": 0.10, "source": "of other data", "dataset": "plums", "method": "plain"},
]


def family(folder: Path, scores: Mapping[tuple[str, str], tuple[float, ...]] = SCORES) -> list[RunRecord]:
    """Two methods on two data sets, a seed each repeat, as the store has them."""
    records = []
    for (dataset, method), values in scores.items():
        for repeat, value in enumerate(values):
            record = stored_run(
                folder, name=f"family-{dataset}-{method}-r{repeat}", repeat=repeat, benchmark="family",
                dataset_name=dataset, dataset_source="real", dataset_checksum=dataset, method=method,
                metric="accuracy", quality=value, target=0.7, energy_j=100.0 + repeat,
                time_to_accuracy_s=10.0 + repeat if value >= 0.7 else None,
            )  # fmt: skip
            manifest, result = json.loads(record.run["manifest"]), json.loads(record.run["result"] or "")
            manifest["config"] = {
                "benchmark": {
                    "name": "family", "dataset_name": dataset, "method": method, "model": {"own": method},
                    "quality": {"metric": "accuracy", "target": 0.7, "higher_is_better": True},
                    "better": {"error": "lower"}, "published": PUBLISHED,
                },
                "seed": repeat,
            }  # fmt: skip
            result["quality"]["all"] = {"accuracy": value, "error": 1 - value, "count": 12.0}
            record.run |= {"manifest": json.dumps(manifest), "result": json.dumps(result)}
            records.append(record)
    return records


def document_of(records: list[RunRecord]) -> Any:
    document = json.loads(json.dumps(report_document("c", records)))
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    return document


def test_cells_have_mean_spread_and_n_over_seeds_and_what_they_cost(tmp_path: Path) -> None:
    (matrix,) = document_of(family(tmp_path))["matrix"]
    assert [dataset["name"] for dataset in matrix["datasets"]] == ["apples", "pears"]
    assert matrix["methods"] == ["clever", "plain", "magic"]
    cells = {(cell["dataset_name"], cell["method"]): cell for cell in matrix["cells"]}
    cell = cells["apples", "clever"]
    accuracy = cell["metrics"]["accuracy"]
    assert (accuracy["mean"], accuracy["deviation"], accuracy["n"]) == pytest.approx((0.91, 0.01, 3))
    assert (cell["energy_j"]["mean"], cell["time_to_accuracy_s"]["mean"], cell["reached"]) == (101.0, 11.0, 3)
    assert cells["pears", "plain"]["reached"] == 2
    assert {key for key, found in cells.items() if found["metrics"]["accuracy"]["best"]} == {("apples", "clever")}
    # Less error is better; of "count" nobody has said which way is.
    assert {key for key, found in cells.items() if found["metrics"]["error"]["best"]} == {("apples", "clever")}
    assert [item["better"] for item in matrix["metrics"]] == ["higher", "lower", None]
    assert [item["source"] for item in matrix["published"]] == ["a paper", "another"]


def test_a_source_of_many_values_is_named_once_and_one_that_the_grid_does_not_show_with_its_values(
    tmp_path: Path,
) -> None:
    (matrix,) = document_of(family(tmp_path))["matrix"]
    of_talk = [
        {"metric": metric, "value": 0.5, "source": "a talk", "dataset": dataset, "method": method}
        for metric in ("accuracy", "error") for dataset in ("apples", "pears") for method in ("plain", "clever")
    ]  # fmt: skip
    further = [{**of_talk[0], "metric": metric, "source": "a book"} for metric in ("beauty", "accuracy")]
    matrix["published"] = [*of_talk, *further, matrix["published"][0]]
    assert sources_of(matrix) == [
        "published: accuracy, error of plain, clever on apples, pears: a talk",
        "published: beauty 0.5 of plain on apples: a book",
        "published: accuracy 0.5 of plain on apples: a book",
        "published: accuracy 0.95 of clever on apples: a paper",
    ]


def test_where_cells_differ_in_their_number_of_runs_each_says_its_own(tmp_path: Path) -> None:
    scores = {**SCORES, ("pears", "plain"): (0.60, 0.72)}
    (matrix,) = document_of(family(tmp_path, scores))["matrix"]
    fields = {line.quantity: [field.text for field in line.fields] for line in grid_of(matrix)[:5]}
    assert fields["accuracy ≥ 0.7"] == ["0.910 ± 0.010 (3)", "0.710 ± 0.010 (3)", "–"]
    times = [line for line in grid_of(matrix) if line.quantity.startswith("time")][1]
    assert [field.text for field in times.fields] == ["11.50 ± 0.71 (2/3)", "11 (1/2)", "–"]


@pytest.mark.parametrize(
    ("deviation", "expected"),
    [(0.0071, "0.7443 ± 0.0071"), (1.6e-16, "0.7443 ± 2e-16"), (0.0, "0.7443 ± 0"), (None, "0.7443")],
)
def test_a_mean_has_the_digits_that_its_deviation_leaves_and_no_rounding_error(
    deviation: float | None, expected: str
) -> None:
    assert mean_text(MeanEntry(mean=0.74431818181818199, deviation=deviation, interval=None, n=3), 3) == expected


def test_seeds_are_repeats_of_a_cell_and_a_failed_one_is_counted(tmp_path: Path) -> None:
    records = family(tmp_path)
    lost = failed_run(tmp_path, name="lost", repeat=3, benchmark="family", dataset_name="apples", method="plain",
                      manifest=records[0].run["manifest"])  # fmt: skip
    document = document_of([*records, lost])
    cells = {(cell["dataset_name"], cell["method"]): cell for cell in document["matrix"][0]["cells"]}
    assert (cells["apples", "plain"]["n"], cells["apples", "plain"]["failed"]) == (3, 1)
    assert [entry["n"] for entry in document["scales"]] == [3, 3, 3, 3]


def test_a_target_that_is_not_that_of_all_methods_heads_no_line_of_all(tmp_path: Path) -> None:
    records = family(tmp_path)
    for record in records:
        record.run["target"] = 0.9 if record.run["method"] == "clever" else 0.7
    (matrix,) = document_of(records)["matrix"]
    assert {metric["target"] for metric in matrix["metrics"]} == {None}
    assert grid_of(matrix)[0].quantity == "accuracy"


def test_a_method_without_a_target_has_no_time_to_accuracy_and_misses_nothing(tmp_path: Path) -> None:
    records = family(tmp_path)
    for record in records:
        result = json.loads(record.run["result"] or "")
        result["quality"]["reached"] = False
        if record.run["method"] == "plain":
            result["quality"]["target"] = None
            record.run |= {"target": None, "time_to_accuracy_s": None}
        record.run["result"] = json.dumps(result)
    document = document_of(records)
    lines = [line for line in grid_of(document["matrix"][0]) if line.quantity.startswith("time")]
    texts = [[field.text for field in line.fields] for line in lines]
    assert texts == [["11.0 ± 1.0", "–", "–"], ["11.50 ± 0.71 (2/3)", "–", "–"]]
    plain = [run for run in document["runs"] if run["method"] == "plain"]
    assert {accuracy_time_text(run) for run in plain} == {"–"} and not any(map(missed_target, plain))
    assert worst_exit_code(document["runs"]) == 2, "clever missed its target once"
    assert "5 reached their quality target" in headline(document)


def test_a_benchmark_has_a_matrix_of_its_own(tmp_path: Path) -> None:
    records = [*family(tmp_path), *(stored_run(tmp_path, repeat=number) for number in (0, 1))]
    assert [matrix["benchmark"] for matrix in document_of(records)["matrix"]] == ["family", "stemdl"]


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_of_any_width_reads_whole_fields(tmp_path: Path, width: int) -> None:
    names = [f"method_number_{number}" for number in range(6)]
    scores = {("apples", name): (0.5 + number / 20, 0.51 + number / 20) for number, name in enumerate(names)}
    stream = io.StringIO()
    print_matrices(document_of(family(tmp_path, scores))["matrix"], Console(file=stream, width=width, no_color=True))
    text = stream.getvalue()
    assert max(len(line) for line in text.splitlines() if "│" in line) <= width
    assert all(name in text for name in names)
    assert text.count("± 0.0071") == 12
    assert "n = 2" in text
    assert "…" not in text


def test_a_part_of_a_table_has_only_the_data_sets_that_its_methods_were_tried_on(tmp_path: Path) -> None:
    """A table of named pairs has few of all combinations: empty lines would be most of it."""
    scores = {(f"data_{number}", f"method_number_{number}"): (0.5, 0.6) for number in range(4)}
    stream = io.StringIO()
    print_matrices(document_of(family(tmp_path, scores))["matrix"], Console(file=stream, width=60, no_color=True))
    parts = stream.getvalue().split("Matrix of ")[1:]
    assert len(parts) == 4
    assert [[f"data_{number}" in part for number in range(4)] for part in parts] == np.eye(4, dtype=bool).tolist()


@pytest.mark.parametrize("width", [80, 120])
def test_a_whole_report_cuts_no_word_at_a_terminal_of_any_width(tmp_path: Path, width: int) -> None:
    stream = io.StringIO()
    print_report(report_document("c", family(tmp_path)), Console(file=stream, width=width, no_color=True))
    rows = [line for line in stream.getvalue().splitlines() if line[:1] in "│┃┏└"]
    assert max(map(len, rows)) <= width
    assert not any("…" in line or "┃┃" in line for line in rows)
    assert ("too narrow for: per rank" in stream.getvalue()) == (width == 80)


def test_every_form_shows_the_matrix(tmp_path: Path) -> None:
    records = family(tmp_path)
    reports = [Report("c", document_of(records), records)]
    terminal = FORMATS["terminal"].function("render")(reports)
    markdown = FORMATS["markdown"].function("render")(reports)
    for text in (terminal, markdown):
        assert "0.910 ± 0.010" in text and "published 0.95" in text and "a paper" in text
    assert "**0.910 ± 0.010**" in markdown and "**0.710" not in markdown
    FORMATS["csv"].function("write")(reports, tmp_path / "csv")
    rows = list(csv.DictReader((tmp_path / "csv" / "matrix.csv").open()))
    (row,) = [
        row for row in rows
        if (row["dataset_name"], row["method"], row["quantity"], row["n"]) == ("apples", "clever", "accuracy", "3")
    ]  # fmt: skip
    assert (row["mean"], row["best"], row["published"]) == ("0.91", "True", "")
    assert {row["published"] for row in rows} == {"", "0.95", "0.99"}
    runs = list(csv.DictReader((tmp_path / "csv" / "runs.csv").open()))
    assert {(row["dataset_name"], row["method"]) for row in runs} == set(SCORES)
    FORMATS["html"].function("write")(reports, tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text()
    assert "<strong>0.910 ± 0.010</strong>" in page and "published 0.95" in page
    gauges = FORMATS["prometheus"].function("render")(reports)
    assert 'method="clever"' in gauges and 'dataset="pears, real"' in gauges
