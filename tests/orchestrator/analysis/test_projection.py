"""The simulator of a step against what is known beforehand, and the projection in the report."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from commands import Command
from stored import stored_run

from orchestrator.analysis.projection import (
    Network,
    Observed,
    Workload,
    allreduce_s,
    calibrate_communication,
    mean_step,
    project_scales,
)
from orchestrator.analysis.projection_band import project_band
from orchestrator.report.document import SCHEMA_FILE, report_document
from orchestrator.report.projections import Question, shared_cores
from orchestrator.store.store import RunRecord, Store, default_url

NET = Network(latency_s=1e-6, bandwidth=1e9)


def test_a_ring_and_a_tree_cost_what_the_textbook_says() -> None:
    assert allreduce_s(1e6, 8, NET) == pytest.approx(2 * 7 * 1e-6 + 2 * 7 / 8 * 1e-3)
    tree = Network(latency_s=1e-6, bandwidth=1e9, algorithm="tree")
    assert allreduce_s(1e6, 8, tree) == pytest.approx(2 * 3 * 1e-6 + 2 * 1e-3)
    assert allreduce_s(1e6, 1, NET) == 0.0


def test_a_hierarchy_is_a_ring_within_the_node_and_one_between() -> None:
    net = Network(1e-6, 1e9, ranks_per_node=4, inner_latency_s=0.0, inner_bandwidth=1e10, algorithm="hierarchical")
    within = 2 * 3 / 4 * 1e6 / 1e10
    assert allreduce_s(1e6, 4, net) == pytest.approx(within)
    assert allreduce_s(1e6, 8, net) == pytest.approx(within + 2e-6 + 1e-3)


def test_what_computation_hides_is_not_paid() -> None:
    hidden = Workload(1.0, [1.0], [1.0], 1e8, overlap=0.5, message_bytes=1e6)
    assert mean_step(hidden, NET, 2)[0] == pytest.approx(1.0 + 1e-3, rel=1e-3)
    shown = Workload(1.0, [1.0], [1.0], 1e9, overlap=0.5, message_bytes=1e6)
    assert mean_step(shown, NET, 2)[0] == pytest.approx(1.5, rel=0.01)


def test_more_ranks_wait_for_a_slower_slowest() -> None:
    spread = np.linspace(0.9, 1.1, 33).tolist()
    workload = Workload(1.0, spread, [1.0], 1.0)
    few, many = (mean_step(workload, NET, ranks)[0] for ranks in (2, 1000))
    assert few == pytest.approx(1.0 + 0.1 / 3, abs=0.01)
    assert many == pytest.approx(1.1, abs=0.002)


def test_calibration_finds_the_cost_that_was_simulated() -> None:
    true = Workload(0.01, [1.0], [1.0], 4e7, overlap=0.0, cost=3.0)
    seen = [Observed(ranks, mean_step(true, NET, ranks)[0], mean_step(true, NET, ranks)[4]) for ranks in (1, 2, 4)]
    found = calibrate_communication(Workload(0.01, [1.0], [1.0], 4e7, overlap=0.0), NET, seen[:2])
    assert found.cost == pytest.approx(3.0, rel=1e-3)
    (guess,) = project_scales(found, NET, [4], seen[0])
    assert guess.efficiency == pytest.approx(seen[0].step_s / seen[2].step_s, rel=1e-3)


def test_a_band_holds_the_truth_where_nothing_was_seen_of_the_network() -> None:
    # All communication is hidden at the measured scales: its cost is anything up to what would show.
    steps, net = np.linspace(0.98, 1.02, 33).tolist(), Network(5e-6, 5e9)
    for overlap in (0.0, 2 / 3):
        true = Workload(0.1, steps, [1.0], 4e7, overlap=overlap)
        parts = {ranks: mean_step(true, net, ranks) for ranks in (1, 2, 4, 32, 256)}
        seen = [Observed(ranks, parts[ranks][0], parts[ranks][4]) for ranks in (1, 2, 4)]
        bands = project_band(Workload(0.1, steps, [1.0], 4e7), Network(10e-6, 1e9), [32, 256], seen, assumed=True)
        for ranks, (low, high) in zip((32, 256), bands, strict=True):
            assert low <= parts[1][0] / parts[ranks][0] <= high
        assert bands[1][1] - bands[1][0] > bands[0][1] - bands[0][0]


def test_ranks_that_share_too_few_cores_take_turns() -> None:
    workload = Workload(1.0, [1.0], [1.0], 1.0, cores=2)
    assert [mean_step(workload, NET, ranks)[0] for ranks in (1, 2, 4)] == pytest.approx([1, 1, 2], rel=1e-3)


def with_steps(record: RunRecord) -> RunRecord:
    """The run as a collector of this version stores it."""
    own = {"own_median_s": 0.068, "own": np.linspace(0.97, 1.05, 33).tolist(), "waiting_s": [0.012] * 33}
    manifest = json.loads(record.run["manifest"])
    manifest["spec"] = {"threads_per_rank": 1}
    result = json.loads(record.run["result"] or "")
    result["training"]["parameters"] = 1_000_000
    record.run |= {"step_times": json.dumps(own), "manifest": json.dumps(manifest), "result": json.dumps(result)}
    return record


def test_the_report_projects_under_a_key_of_its_own_and_checks_itself(tmp_path: Path, orchestrator: Command) -> None:
    (tmp_path / "results").mkdir()
    rates = {1: 100.0, 2: 93.0, 4: 89.0}
    records = [with_steps(stored_run(tmp_path / "runs", nodes=nodes, rate=rate)) for nodes, rate in rates.items()]
    Store(default_url(tmp_path / "results")).put_all(records)
    document = orchestrator("report", "--project", "8,16,64,512", "--json").document
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    assert {entry["nodes"] for entry in document["scaling"]} == {1, 2, 4}
    (entry,) = document["projection"]
    assert entry["label"] == "projected" and [point["ranks"] for point in entry["points"]] == [
        16,
        64,
        512,
    ]  # 8 were measured
    efficiencies = [point["efficiency"] for point in entry["points"]]
    assert efficiencies == sorted(efficiencies, reverse=True) and 0.3 < efficiencies[-1] < 0.95
    assert all(point["band"][0] <= point["efficiency"] <= point["band"][1] for point in entry["points"])
    # 8 ranks were measured, and the profile states no network.
    assert [point["assumed"] for point in entry["points"]] == [False, False, True]
    (check,) = entry["check"]
    assert check["fitted_on"] == [2, 4] and check["ranks"] == 8 and abs(check["error"]) < 0.1
    assert "projection" not in orchestrator("report", "--json").document
    shown = orchestrator("report", "--project", "8,64", "algorithm=tree").out
    assert "Projected, not measured" in shown and "checked: from 2 and 4 ranks" in shown


@pytest.mark.parametrize("epochs", ["warm", "all"])
def test_a_projection_starts_from_the_epochs_that_efficiencies_are_of(epochs: str, tmp_path: Path) -> None:
    records = [with_steps(stored_run(tmp_path, nodes=nodes, throughput_warm=190.0 * nodes)) for nodes in (1, 2, 4)]
    if epochs == "all":
        records[0].run["throughput_warm"] = None
    records[2].run["throughput"] = 700.0
    document = report_document("c", records, question=Question([64]))
    (entry,) = document.get("projection", [])
    (check,) = entry["check"]
    measured = {point["nodes"]: point["efficiency"] for point in document["scaling"]}
    assert entry["epochs"] == document["scaling"][0]["epochs"] == epochs
    assert check["measured"] == pytest.approx(measured[4]) == pytest.approx(1.0 if epochs == "warm" else 0.875)


def test_a_projection_that_cannot_be_made_is_a_usage_error(tmp_path: Path, orchestrator: Command) -> None:
    (tmp_path / "results").mkdir()
    Store(default_url(tmp_path / "results")).put(stored_run(tmp_path / "runs"))
    for words, hint in (
        (["--project", "8,x"], "as in --project 8,64,512"),
        (["--project", "8", "algorithm=rnig"], "Did you mean ring?"),
        (["--project", "8", "cores=0"], "from 1 to"),
        (["cores=2"], "goes with --project"),
    ):
        answer = orchestrator("report", *words)
        assert answer.code == 64 and hint in answer.err, answer.err


def test_nodes_that_are_one_machine_share_its_cores_and_others_do_not() -> None:
    def run(one_machine: bool) -> RunRecord:
        manifest = {"config": {"cluster": {"one_machine": one_machine}}}
        return RunRecord({"manifest": json.dumps(manifest), "result": json.dumps({"world": {"cores": ["0,1", "0,1"]}})})

    assert shared_cores(run(True)) == 2
    assert shared_cores(run(False)) is None
