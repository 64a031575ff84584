"""References: what is proposed of runs, on which side it bounds, and which runs it judges."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from acceptance_runs import run
from made import SUITE, made_campaign

from orchestrator.acceptance.propose import Choice, propose_reference, propose_references
from orchestrator.acceptance.quantities import QUANTITIES
from orchestrator.acceptance.references import find_reference, parse_entries, settings_hash
from orchestrator.acceptance.suite import resolve_suite
from orchestrator.config.compose import compose_all
from orchestrator.errors import UsageError
from orchestrator.records.settings import Configuration

ENTRY: dict[str, Any] = {
    "benchmark": "probe", "recipe": "small", "mode": "probe", "comm": "mpi", "nodes": 2, "quantity": "latency",
    "size": 8, "value": 10.0, "upper": 0.1, "unit": "µs", "basis": "made up",
}  # fmt: skip
VALUES = [100.0, 101.0, 102.0]


@pytest.mark.parametrize("quantity", ["latency", "temperature", "power", "time_to_accuracy", "throughput", "triad"])
def test_a_bound_that_is_given_goes_to_the_side_of_worse_machines(quantity: str) -> None:
    def sides(lower: float | None, upper: float | None) -> list[float | None]:
        found = propose_reference(VALUES, quantity, Choice("median", lower, upper), [run()])
        return [found["lower"], found["upper"]]

    if QUANTITIES[quantity].higher_is_better:
        assert sides(-0.2, None) == sides(-0.2, 0.3) == [-0.2, None]
        assert sides(None, 0.3) == sides(None, None) == [-0.05, None]
    else:
        assert sides(None, 0.3) == sides(-0.2, 0.3) == [None, 0.3]
        assert sides(-0.2, None) == sides(None, None) == [None, 0.05]


def test_a_bound_that_no_value_can_meet_is_not_proposed() -> None:
    for quantity, chosen in (("throughput", Choice("median", 0.05, None)), ("latency", Choice("median", None, -0.05))):
        with pytest.raises(UsageError, match="bounds are relative to the value"):
            propose_reference(VALUES, quantity, chosen, [run()])


@pytest.mark.parametrize(
    ("quantity", "unit", "wrong", "missing"),
    [("latency", "µs", "lower", "upper"), ("triad", "GB/s", "upper", "lower")],
)
def test_a_reference_that_would_pass_any_slow_machine_is_refused(
    quantity: str, unit: str, wrong: str, missing: str
) -> None:
    values = {**ENTRY, "quantity": quantity, "unit": unit, "upper": None, wrong: -0.05 if wrong == "lower" else 0.05}
    with pytest.raises(UsageError, match=f"references: one: the bound has no {missing}"):
        parse_entries({"one": values}, "references")
    both = {**values, "lower": -0.05, "upper": 0.05}
    assert parse_entries({"one": both}, "references")["one"].quantity == quantity


@cache
def composed(*words: str) -> Configuration:
    (found,) = compose_all(["benchmark=stemdl", "cluster=local", "nodes=[1,2]", *words], False, None)
    return found


MEASURED: dict[str, Any] = {
    "benchmark": "stemdl", "recipe": "small", "mode": "training", "comm": "mpi", "nodes": 2, "quantity": "throughput",
    "value": 1000.0, "lower": -0.05, "unit": "samples/s", "basis": "made up",
}  # fmt: skip
CONDITIONS = {"scale": "weak", "ranks_per_node": 1, "threads_per_rank": 2}


def judged(entries: dict[str, dict[str, Any]], *words: str) -> tuple[float | None, str]:
    """The value that a throughput of such runs on two nodes is held against, or why there is none."""
    config = composed("comm=mpi", "scale=weak", *words)
    known = parse_entries(entries, "references")
    entry, why = find_reference(known, config, "throughput", None, 2)
    return entry.value if entry else None, why


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("scale=strong", "scale=weak, these runs have scale=strong"),
        ("cluster.ranks_per_node=4", "ranks_per_node=1, these runs have ranks_per_node=4"),
        ("cluster.threads_per_rank=3", "threads_per_rank=2, these runs have threads_per_rank=3"),
    ],
)
def test_a_reference_judges_runs_only_that_were_scaled_and_placed_as_its_own(word: str, why: str) -> None:
    settings = settings_hash(composed("comm=mpi", "scale=weak"))
    entry = {**MEASURED, **CONDITIONS, "settings": settings}
    assert judged({"one": entry}) == (1000.0, "")
    assert judged({"one": {**entry, "scale": "single"}}, "cluster.threads_per_rank=2") == (1000.0, "")
    value, reason = judged({"one": entry}, word)
    assert value is None and reason.endswith(f"was measured with {why}")
    other = {**entry, "value": 500.0, "scale": "strong", "ranks_per_node": 4, "threads_per_rank": 3}
    words = ["scale=strong", "cluster.ranks_per_node=4", "cluster.threads_per_rank=3"]
    assert judged({"one": other, "two": entry}, *words) == (500.0, "")


def test_references_of_earlier_versions_that_state_no_placement_judge_as_before() -> None:
    entry = {**MEASURED, "settings": settings_hash(composed("comm=mpi", "scale=weak"))}
    assert judged({"one": entry}, "scale=strong", "cluster.ranks_per_node=4") == (1000.0, "")


def test_of_references_for_several_numbers_of_threads_none_is_taken_by_chance() -> None:
    entries = {"one": {**MEASURED, **CONDITIONS}, "two": {**MEASURED, **CONDITIONS, "threads_per_rank": 8}}
    value, why = judged(entries)
    assert value is None and why.endswith("set cluster.threads_per_rank")
    assert judged({**entries, "two": {**entries["two"], "value": 7.0}}, "cluster.threads_per_rank=8") == (7.0, "")


def test_runs_that_were_scaled_or_placed_otherwise_are_not_pooled_in_one_reference(tmp_path: Path) -> None:
    site = tmp_path / "site" / "acceptance"
    site.mkdir(parents=True)
    (site / "made.yaml").write_text(yaml.safe_dump(SUITE))
    suite = resolve_suite(["suite=made", "cluster=local", "nodes=1", f"results={tmp_path}"], str(site.parent))
    changes = {"a": {}, "b": {"scale": "strong"}, "c": {"ranks_per_node": 1}, "d": {"threads_per_rank": 77}}
    folders = []
    for name, change in changes.items():
        folders.append(made_campaign(tmp_path / "results", name))
        for path in folders[-1].glob("*/manifest.json"):
            document = json.loads(path.read_text())
            document["spec"] |= change
            path.write_text(json.dumps(document))
    proposed = propose_references(suite, folders, "median", None, None)["references"]
    assert [entry["threads_per_rank"] == 77 for entry in proposed.values()] == [False, True]
    assert ["runs (a)" in entry["basis"] for entry in proposed.values()] == [True, False]
    assert ["runs (d)" in entry["basis"] for entry in proposed.values()] == [False, True]
    assert {(entry["scale"], entry["ranks_per_node"]) for entry in proposed.values()} == {("weak", 2)}
    assert set(parse_entries(proposed, "references")) == set(proposed)
