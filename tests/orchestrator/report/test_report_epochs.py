"""Throughputs are compared over the same epochs: warm ones where every compared run has some, else whole runs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console
from stored import stored_run

from orchestrator.report.document import SCHEMA_FILE, report_document
from orchestrator.report.entries.document import ReportDocument
from orchestrator.report.formats import FORMATS, Report
from orchestrator.report.grid import grid_of
from orchestrator.report.html.plots.scaling import plot_efficiency, plot_throughputs
from orchestrator.report.tables.runs import print_report
from orchestrator.store.store import RunRecord

WHOLE = "whole runs, as not every one has a warm epoch"


def timed_run(folder: Path, cold: float, warm: float | None, **changes: Any) -> RunRecord:
    """A run of a cold and, unless ``warm`` is None, as long a warm epoch, samples/s."""
    whole = cold if warm is None else 2 / (1 / cold + 1 / warm)
    given: dict[str, Any] = {"throughput": whole, "throughput_cold": cold, "throughput_warm": warm, **changes}
    return stored_run(folder, **given)


def scaled(folder: Path, one: tuple[float, float | None], two: tuple[float, float | None], **changes: Any) -> Report:
    """Three repeats on one and on two nodes, of which the last may have been cut in its first epoch."""
    records = [
        timed_run(folder, *rates, nodes=nodes, repeat=repeat, **changes)
        for nodes, rates in ((1, one), (2, two))
        for repeat in range(3)
    ]
    return report_of(records)


def report_of(records: list[RunRecord]) -> Report:
    document = report_document("weekly", records)
    jsonschema.validate(json.loads(json.dumps(document)), json.loads(SCHEMA_FILE.read_text()))
    return Report("weekly", document, records)


def efficiency_of(document: ReportDocument) -> float:
    return next(entry["efficiency"] for entry in document["scaling"] if entry["nodes"] == 2)


def shown(document: ReportDocument) -> str:
    stream = io.StringIO()
    print_report(document, Console(file=stream, width=400))
    return stream.getvalue()


def test_scales_of_which_all_have_warm_epochs_are_compared_by_these(tmp_path: Path) -> None:
    report = scaled(tmp_path, (50.0, 100.0), (60.0, 180.0))
    document = report.document
    assert efficiency_of(document) == pytest.approx(0.9)
    assert {entry["epochs"] for entry in (*document["scales"], *document["scaling"], *document["laws"])} == {"warm"}
    text = shown(document)
    assert "samples/s, warm" in text and "Scaling by warm epochs; lost" in text and "] warm" not in text
    assert "orchestrator_warm_epochs" in FORMATS["prometheus"].function("render")([report])


@pytest.mark.parametrize(
    ("one", "two", "efficiency"),
    [
        # A run of 100 steps: on two nodes an epoch has 60, on one 120, so that its only one is cold.
        ((50.0, None), (100.0, 300.0), 1.5),
        ((50.0, 150.0), (100.0, None), 2 / 3),
    ],
)
def test_scales_of_which_one_has_no_warm_epoch_are_compared_by_whole_runs_and_that_is_said(
    one: tuple[float, float | None], two: tuple[float, float | None], efficiency: float, tmp_path: Path
) -> None:
    report = scaled(tmp_path, one, two)
    document = report.document
    assert efficiency_of(document) == pytest.approx(efficiency)
    assert {entry["epochs"] for entry in (*document["scales"], *document["scaling"], *document["laws"])} == {"all"}
    law = next(law for law in document["laws"] if law["law"] == "gustafson")
    assert law["base_throughput"] == pytest.approx(document["scales"][0]["throughput"]["mean"], rel=0.3)
    text = shown(document)
    assert "samples/s, warm" not in text and f"Scaling by {WHOLE}; lost" in text
    markdown = FORMATS["markdown"].function("render")([report])
    assert f"Repeats, throughput of {WHOLE}:" in markdown
    assert f"Scaling, throughput per node relative to the base, of {WHOLE}:" in markdown
    gauges = FORMATS["prometheus"].function("render")([report])
    values = [line.rpartition(" ")[2] for line in gauges.splitlines() if line.startswith("orchestrator_warm_epochs{")]
    assert values == ["0.0", "0.0"] and "warm throughput" not in gauges
    plots = [plot_efficiency(document["scaling"], document["laws"], "weak"), *plot_throughputs(document["scales"])]
    for plot in plots:
        assert plot is not None and WHOLE in plot.note
        assert {row[plot.columns.index("epochs")] for row in plot.rows} == {"all"}


def test_one_repeat_without_a_warm_epoch_takes_the_others_with_it(tmp_path: Path) -> None:
    records = [timed_run(tmp_path, 50.0, None if repeat == 2 else 100.0, repeat=repeat) for repeat in range(3)]
    (scale,) = report_of(records).document["scales"]
    assert scale["throughput"]["median"] == pytest.approx(200 / 3) and scale["throughput"]["mean"] < 200 / 3
    assert scale["throughput"]["warm"] is not None and scale["throughput"]["warm"]["n"] == 2


def test_series_are_marked_where_a_table_has_some_of_each(tmp_path: Path) -> None:
    parts = scaled(tmp_path, (50.0, 100.0), (50.0, 200.0)), scaled(tmp_path, (50.0, None), (90.0, None), comm="nccl")
    report = report_of([record for part in parts for record in part.records])
    assert {entry["comm"]: entry["epochs"] for entry in report.document["scales"]} == {"mpi": "warm", "nccl": "all"}
    for text in (shown(report.document), FORMATS["markdown"].function("render")([report])):
        assert "1.000 warm" in text and "0.900 warm" not in text and "0.900" in text
        assert "100.0 [100.0, 100.0] warm" in text or "warm |" in text


def test_recipes_are_compared_over_the_same_epochs(tmp_path: Path) -> None:
    quick = timed_run(tmp_path, 100.0, None, recipe="fast", name="fast")
    slow = timed_run(tmp_path, 50.0, 150.0, recipe="small", name="small")
    document = report_of([quick, slow]).document
    rows = {row["recipe"]: row for row in document["comparison"]}
    assert {row["epochs"] for row in rows.values()} == {"all"}
    assert rows["small"]["samples_per_s"] == pytest.approx(75.0) and rows["small"]["speedup"] == pytest.approx(0.75)
    slow.run["throughput_warm"], quick.run["throughput_warm"] = 150.0, 300.0
    rows = {row["recipe"]: row for row in report_of([quick, slow]).document["comparison"]}
    assert {row["epochs"] for row in rows.values()} == {"warm"} and rows["small"]["speedup"] == pytest.approx(0.5)


def test_a_recipe_s_fraction_of_the_peak_is_of_the_same_epochs_as_its_throughput() -> None:
    from orchestrator.analysis.comparison import Conditions, RecipeRun, compare_recipes

    same = Conditions("stemdl", "reference", "hpc", "mpi", "training", "weak", 1, 2, 1, None, "samples/s")
    rest = (None, None, None, None)
    runs = [
        RecipeRun(same, "fast", 100.0, None, 0.1, None, *rest),
        RecipeRun(same, "small", 75.0, 150.0, 0.3, None, *rest),
    ]
    found = {item.recipe: (item.rate, item.of_bf16_peak, item.of_memory_bandwidth) for item in compare_recipes(runs)}
    assert found == {"fast": (100.0, 0.1, None), "small": (75.0, pytest.approx(0.15), None)}


def test_methods_on_one_data_set_are_compared_over_the_same_epochs(tmp_path: Path) -> None:
    rates = {
        ("apples", "plain"): None,
        ("apples", "clever"): 150.0,
        ("pears", "plain"): 150.0,
        ("pears", "clever"): 90.0,
    }
    records = [
        timed_run(
            tmp_path, 50.0, warm, name=f"{name}-{method}-{repeat}", repeat=repeat, dataset_name=name,
            dataset_checksum=name, method=method,
        )
        for (name, method), warm in rates.items() for repeat in range(2)
    ]  # fmt: skip
    report = report_of(records)
    (matrix,) = report.document["matrix"]
    found = {(cell["dataset_name"], cell["method"]): cell["throughput"] for cell in matrix["cells"]}
    assert {key: rate["warm"] for key, rate in found.items()} == {key: key[0] == "pears" for key in rates}
    assert [found[key]["mean"] for key in rates] == pytest.approx([50.0, 75.0, 150.0, 90.0])
    quantities = [line.quantity for line in grid_of(matrix) if line.quantity.startswith("samples/s")]
    assert quantities == ["samples/s", "samples/s, warm"]
    rows = list(csv.DictReader(io.StringIO(matrix_csv(report, tmp_path / "out"))))
    assert {row["warm"] for row in rows if row["quantity"] == "throughput" and row["dataset_name"] == "apples"} == {
        "False"
    }


def matrix_csv(report: Report, folder: Path) -> str:
    FORMATS["csv"].function("write")([report], folder)
    return (folder / "matrix.csv").read_text()
