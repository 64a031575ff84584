"""The document of a campaign: what stands for many runs, against its published schema."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from commands import Command
from rich.console import Console
from stored import failed_run, scaling_campaign, stored_run

from orchestrator.report.document import SCHEMA_FILE, report_document
from orchestrator.report.tables.runs import by_size_text, print_report
from orchestrator.report.tables.text import headline
from orchestrator.store.entries import RankRow
from orchestrator.store.store import RunRecord, Store, default_url

CLOUDMASK_WARM = {1: 159.8, 2: 202.2, 4: 385.3, 8: 729.2, 16: 1320.5}
CLOUDMASK_COLD = {1: 48.8, 2: 48.1, 4: 93.7, 8: 155.0, 16: 179.6}
"""Images/s by ranks of a DGX-2, second and first epoch (stfc-sciml/e2e, case 2, table of PEARL)."""


def document_of(records: list[RunRecord]) -> Any:
    """The document as whoever reads its JSON has it."""
    document = json.loads(json.dumps(report_document("c", records)))
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    return document


def test_each_scale_has_medians_intervals_and_how_many_runs(tmp_path: Path) -> None:
    lost = failed_run(tmp_path, nodes=4, repeat=3, name="lost")
    document = document_of([*scaling_campaign(tmp_path), lost])
    scales = {entry["nodes"]: entry for entry in document["scales"]}
    assert [(scale["n"], scale["failed"]) for scale in scales.values()] == [(3, 0), (3, 0), (3, 1)]
    rate = scales[2]["throughput"]
    assert rate["interval"][0] <= rate["median"] <= rate["interval"][1]
    assert scales[2]["time_to_accuracy"]["reached"] == scales[2]["time_to_accuracy"]["n"] == 3
    assert scales[2]["energy_to_accuracy_j"] is None


def test_the_headline_counts_what_was_planned_not_only_what_has_been_collected(tmp_path: Path) -> None:
    records = scaling_campaign(tmp_path)[:2]
    for record in records:
        record.run["manifest"] = json.dumps({**json.loads(record.run["manifest"]), "planned": 9})
    document = document_of(records)
    assert document["planned"] == 9
    assert headline(document).startswith("2 of 9 runs completed (7 not collected yet)")


@pytest.mark.parametrize(("timed", "shown"), [(0, "– (12 ranks)"), (10, "1.0 … 6.0 … 10.0 (12 ranks)")])
def test_of_many_ranks_those_that_were_timed_are_shown_if_any_was(tmp_path: Path, timed: int, shown: str) -> None:
    record = stored_run(tmp_path, nodes=6)
    for rank in record.ranks:
        rank["throughput"] = 1.0 + rank["rank"] if rank["rank"] < timed else None
    stream = io.StringIO()
    print_report(report_document("c", [record]), Console(file=stream, width=250))
    assert shown in stream.getvalue()


def test_the_published_cloudmask_table_comes_out_of_the_document(tmp_path: Path) -> None:
    records = [
        stored_run(tmp_path, nodes=ranks, name=f"n{ranks}", throughput_warm=warm, throughput_cold=CLOUDMASK_COLD[ranks])
        for ranks, warm in CLOUDMASK_WARM.items()
    ]
    document = document_of(records)
    published = {1: 100, 2: 63, 4: 60, 8: 57, 16: 52}
    assert {entry["nodes"]: round(100 * entry["efficiency"]) for entry in document["scaling"]} == published
    cold = {entry["nodes"]: entry["throughput"]["cold"]["median"] for entry in document["scales"]}
    assert [round(100 * cold[n] / (n * cold[1])) for n in published] == [100, 49, 48, 40, 23]
    (gustafson,) = [law for law in document["laws"] if law["law"] == "gustafson"]
    assert 0.4 < gustafson["parameters"]["serial"] < 0.55
    assert document["scaling"][-1]["serial_fraction"] == pytest.approx(0.516, abs=1e-3)


@pytest.mark.parametrize(
    ("scale", "batches", "threads", "efficiencies"),
    [
        ("strong", (32, 32), (2, 2), 2), ("strong", (32, 64), (2, 2), 0), ("strong", (32, 32), (2, 1), 0),
        ("weak", (32, 64), (2, 2), 2), ("weak", (64, 64), (2, 2), 0), ("single", (64, 64), (2, 2), 0),
    ],
)  # fmt: skip
def test_scales_that_did_other_work_have_no_efficiency(
    scale: str, batches: tuple[int, int], threads: tuple[int, int], efficiencies: int, tmp_path: Path
) -> None:
    """Stores hold such campaigns: version 0.1 planned ``scale=strong nodes=1,2 -m`` as two problems."""
    records = [
        stored_run(tmp_path, nodes=nodes, repeat=repeat, scale=scale, global_batch=batches[nodes - 1],
                   threads_per_rank=threads[nodes - 1])
        for nodes in (1, 2) for repeat in range(2)
    ]  # fmt: skip
    assert len(report_document("c", records)["scaling"]) == efficiencies


def test_lost_time_adds_up_to_what_efficiency_lacks(tmp_path: Path) -> None:
    fast = stored_run(tmp_path, nodes=1, rate=100.0)
    slow = stored_run(tmp_path, nodes=2, rate=80.0)
    # The same work as at the base, and 4 s more of waiting for gradients.
    slow.ranks = [{**rank, "total_s": 20.0, "waiting_s": 6.4, "throughput": 80.0} for rank in slow.ranks]
    entry = document_of([fast, slow])["scaling"][1]
    assert entry["efficiency"] == pytest.approx(0.8)
    assert sum(entry["lost"].values()) == pytest.approx(1 / 0.8 - 1, abs=1e-6)
    assert entry["lost"]["communication"] == pytest.approx(0.25, abs=1e-6)


def test_runs_that_differ_in_a_setting_are_series_of_their_own(tmp_path: Path) -> None:
    records = []
    for batch in (8, 16):
        config = {"benchmark": {"training": {"batch_size": batch}}, "nodes": [1]}
        manifest = json.dumps({"config": config, "provenance": {}})
        records += [stored_run(tmp_path, name=f"b{batch}-{n}", repeat=n, manifest=manifest) for n in range(2)]
    scales = document_of(records)["scales"]
    assert [entry["settings"] for entry in scales] == [
        {"benchmark.training.batch_size": 16},
        {"benchmark.training.batch_size": 8},
    ]
    assert [entry["n"] for entry in scales] == [2, 2]


def slowed(record: RunRecord, host: str, factor: float) -> RunRecord:
    """The run with the ranks of one host slower and the others waiting for them."""
    longest = 12.8 * factor
    computed = [longest if rank["host"] == host else 12.8 for rank in record.ranks]
    record.ranks = [
        {**rank, "compute_s": seconds, "waiting_s": 16.0 - 0.8 - seconds}
        for rank, seconds in zip(record.ranks, computed, strict=True)
    ]
    return record


def test_the_slow_host_is_named_in_its_run_over_the_campaign_and_over_weeks(
    tmp_path: Path, orchestrator: Command
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    store = Store(default_url(results))
    records = [
        slowed(stored_run(tmp_path / "runs", f"week{week}", nodes=4, created=1.79e9 + 604800 * week), "node2", 1.11)
        for week in range(4)
    ]
    store.put_all(records)
    answer = orchestrator("report", "week3", "--json")
    assert answer.code == 0, answer.err
    found = answer.document
    assert [item["host"] for item in found["stragglers"] if item["kind"] == "host"] == ["node2"]
    assert {item["rank"] for item in found["stragglers"] if item["kind"] == "rank"} == {4, 5}
    assert [item["text"] for item in found["slow_hosts"]] == ["host node2 is 10 % slower than the fleet in 4 of 4 runs"]
    shown = orchestrator("report", "week3").out
    assert "host node2 is 10 % slower than the fleet in 4 of 4 runs (weeks before)" in shown
    assert "waits" not in shown and "rank 4 on node2" not in shown


def test_what_a_fleet_is_too_small_or_too_unequal_to_show_is_said(tmp_path: Path) -> None:
    def spread_of(nodes: int, *factors: float) -> dict[str, Any]:
        record = stored_run(tmp_path, f"c{len(factors)}", nodes=nodes)
        record.ranks = [
            {**rank, "compute_s": 10.0 * factor} for rank, factor in zip(record.ranks, factors, strict=True)
        ]
        document = document_of([record])
        assert document["stragglers"] == []
        entry: dict[str, Any] = document["rank_spread"][0]
        return entry

    two = spread_of(1, 1.0, 1.5)
    assert two["spread"] is two["detectable"] is None
    assert "rank 1 on" in two["text"] and "of 2 ranks it cannot be told which is as it should be" in two["text"]
    assert "every rank waits 5 s for it, 5 s in all" in two["text"]
    four = spread_of(2, 1.0, 1.01, 0.99, 1.06)
    assert "which differ by 0.9 %; of 4 ranks that may be chance, from" in four["text"]
    assert four["detectable"] > 0.06
    assert spread_of(3, 1.0, 1.01, 0.99, 1.0, 1.01, 1.02)["text"] is None


def test_the_terminal_report_says_why_it_stops_scaling(tmp_path: Path, orchestrator: Command) -> None:
    results = tmp_path / "results"
    results.mkdir()
    Store(default_url(results)).put_all(scaling_campaign(tmp_path / "runs"))
    shown = orchestrator("report").out
    for words in ("95 % interval", "lost: communication", "Gustafson: serial", "Universal Scalability Law", "3 of 3"):
        assert words in shown, words


WORK = {"samples": 8, "flop": 8 * 10**12, "bytes": 4 * 10**12}
PEAKS = {"model": "NVIDIA H100 SXM5 80 GB", "peak_bf16_tflops": 1000, "memory_gb_per_s": 2000}


def working(record: RunRecord, device: str, peaks: dict[str, Any], **training: object) -> RunRecord:
    """The run as it is when a step's work was counted, each rank on the device of that name."""
    result, manifest = json.loads(record.run["result"] or ""), json.loads(record.run["manifest"])
    result["training"] |= {"step_work": WORK, **training}
    manifest["config"]["cluster"] = {"accelerator": peaks}
    record.run |= {"result": json.dumps(result), "manifest": json.dumps(manifest)}
    ranks: list[RankRow] = [{**rank, "device": device.format(**rank)} for rank in record.ranks]
    return RunRecord(record.run, ranks, record.evaluations, record.phases)


def test_what_a_device_does_is_told_as_a_fraction_of_its_peaks_where_they_are_stated(tmp_path: Path) -> None:
    def achieved(device: str, peaks: dict[str, Any], **training: object) -> dict[str, Any]:
        record = stored_run(tmp_path, name=f"r{len(list(tmp_path.glob('*/*')))}", rate=100.0)
        told: dict[str, Any] = document_of([working(record, device, peaks, **training)])["runs"][0]["achieved"]
        return told

    # 100 samples/s a rank, 10¹² operations and half as many bytes a sample.
    alone = achieved("GPU-{rank}", PEAKS)
    assert (alone["devices"], alone["flop_per_s"], alone["bytes_per_s"]) == (2, 1e14, 5e13)
    assert (alone["of_bf16_peak"], alone["of_memory_bandwidth"]) == (0.1, 25.0)
    processors = achieved("cpu", PEAKS)
    assert processors["flop_per_s"] == 1e14 and processors["of_bf16_peak"] is processors["accelerator"] is None
    assert achieved("GPU-{rank}", {})["of_memory_bandwidth"] is None
    # Ranks that share a device add up on it; what a compiler or the project's kernels fused was not counted.
    assert achieved("GPU-0", PEAKS)["flop_per_s"] == 2e14
    assert achieved("GPU-{rank}", PEAKS, compile=True)["bytes_per_s"] is None
    assert achieved("cpu", {}, kernels="own")["bytes_per_s"] is None
    assert achieved("cpu", {}, kernels="torch")["bytes_per_s"]


def test_operations_by_a_model_s_size_are_told_beside_the_counted_ones(tmp_path: Path) -> None:
    record = working(stored_run(tmp_path, rate=100.0), "GPU-{rank}", {"peak_bf16_tflops": 1}, computing=250_000_000)
    run = document_of([record])["runs"][0]
    # 100 items/s a rank: 6 x 2.5e8 x 100 = 1.5e11, of 1e12.
    assert run["by_size"] == {"parameters": 250_000_000, "flop_per_s": 1.5e11, "of_bf16_peak": 0.15}
    assert by_size_text(run) == (
        "by 6 N samples/s: 150 GFLOP/s (15.0 % of its bfloat16 peak), N = 250,000,000 parameters"
    )
    untold = document_of([working(stored_run(tmp_path, name="other"), "cpu", {})])["runs"][0]
    assert untold["by_size"] is None and by_size_text(untold) == ""


def test_recipes_are_compared_by_what_they_make_of_the_accelerator(tmp_path: Path, orchestrator: Command) -> None:
    results = tmp_path / "results"
    results.mkdir()
    records = [
        working(stored_run(tmp_path / "runs", name=recipe, recipe=recipe, rate=rate), "GPU-{rank}", PEAKS)
        for recipe, rate in (("reference", 50.0), ("fast", 125.0))
    ]
    Store(default_url(results)).put_all(records)
    shown = orchestrator("report").out
    for words in ("of bfloat16 peak", "12.5 %", "5.0 %", "each device: 125 TFLOP/s (12.5 % of its bfloat16 peak)"):
        assert words in shown, shown


def test_recipes_are_compared_where_their_ranks_had_as_many_threads(tmp_path: Path) -> None:
    runs = [
        stored_run(tmp_path, name=f"{recipe}-{threads}", recipe=recipe, threads_per_rank=threads)
        for recipe, threads in (("small", 1), ("small", 2), ("fast", 2))
    ]
    compared = document_of(runs)["comparison"]
    assert [(row["recipe"], row["n"]) for row in compared] == [("fast", 1), ("small", 1)]
