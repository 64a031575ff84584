"""Whether the newest runs are slower: from stored runs to verdicts and exit codes, by the command line."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from commands import Command
from stored import stored_run

from orchestrator.__main__ import main
from orchestrator.report.comparisons import SCHEMA_FILE
from orchestrator.store.store import Store, default_url

WEEK = 604800.0
START = 1.79e9


def store_of(folder: Path) -> Store:
    (folder / "results").mkdir()
    return Store(default_url(folder / "results"))


def campaign(store: Store, folder: Path, name: str, factor: float = 1.0, week: int = 0, repeats: int = 10,
             **changes: str) -> None:  # fmt: skip
    """Repeats with 1 % noise, on 1 and 2 nodes."""
    random = np.random.default_rng(week + 1000 * len(name))
    store.put_all(
        [
            stored_run(
                folder / "runs", name, nodes=nodes, repeat=repeat, created=START + WEEK * week + repeat,
                rate=100 * factor * float(np.exp(0.01 * random.standard_normal())), evaluations=0,
                **changes,
            )
            for nodes in (1, 2)
            for repeat in range(repeats)
        ]
    )  # fmt: skip


def test_a_campaign_six_per_cent_slower_is_found_and_one_as_fast_is_not(tmp_path: Path, orchestrator: Command) -> None:
    store = store_of(tmp_path)
    campaign(store, tmp_path, "before")
    campaign(store, tmp_path, "same", week=1)
    campaign(store, tmp_path, "slow", 0.94, week=2)
    quiet = orchestrator("compare", "before", "same", "--json")
    assert quiet.code == 0 and quiet.document["verdict"] == "no change"
    found = orchestrator("compare", "before", "slow", "--json")
    assert found.code == 5 and found.document["verdict"] == "slower"
    jsonschema.validate(found.document, json.loads(SCHEMA_FILE.read_text()))
    (metric,) = found.document["series"][0]["metrics"]
    assert metric["change"] == pytest.approx(-0.06, abs=0.01)
    shown = orchestrator("compare", "before", "slow")
    assert shown.code == 5 and f"slower by {-100 * metric['change']:.0f} % [" in shown.out


def test_a_comparison_can_be_put_under_a_change_as_markdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(tmp_path)
    campaign(store, tmp_path, "before")
    campaign(store, tmp_path, "slow", 0.94, week=1)
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["compare", "before", "slow", "--format", "markdown"]) == 5
    lines = out.getvalue().splitlines()
    assert lines[0] == "## Slower" and "slow against before" in lines[2]
    rows = [line for line in lines if line.startswith("| stemdl")]
    assert len(rows) == 2 and all("🔴 slower by" in row and row.count(" | ") == 6 for row in rows)


@pytest.mark.thorough
def test_a_change_of_microcode_between_two_weeks_is_named(tmp_path: Path, orchestrator: Command) -> None:
    """Processors with other microcode are as fast as others: that is what a person looks for behind a change."""
    store = store_of(tmp_path)
    old, new = ("AMD EPYC 7763 (microcode 0xa0011ce)", "AMD EPYC 7763 (microcode 0xa0011d1)")
    campaign(store, tmp_path, "silent", repeats=2)
    campaign(store, tmp_path, "before", week=1, repeats=2, processors=old)
    campaign(store, tmp_path, "patched", week=2, repeats=2, processors=new)
    shown = orchestrator("report", "--history", "cluster=local")
    assert f"1 node: {old} became {new} in 2026-W41" in " ".join(shown.out.split()), shown.out + shown.err
    told = orchestrator("compare", "before", "patched", "--json").document
    jsonschema.validate(told, json.loads(SCHEMA_FILE.read_text()))
    assert told["series"][0]["processors"] == [{"set": "patched", "before": [old], "after": [new]}]
    assert orchestrator("compare", "silent", "before", "--json").document["series"][0]["processors"] == []
    assert orchestrator("report", "--history", "-o", str(tmp_path / "page")).code == 0
    assert f"{old} became {new}" in (tmp_path / "page" / "index.html").read_text()


def test_too_few_runs_are_said_to_be_so(tmp_path: Path, orchestrator: Command) -> None:
    store = store_of(tmp_path)
    campaign(store, tmp_path, "a", repeats=1)
    campaign(store, tmp_path, "b", 0.5, repeats=1)
    answer = orchestrator("compare", "a", "b")
    assert answer.code == 0 and "not enough runs: needs 1 more" in answer.out


def test_only_runs_on_the_same_data_are_compared(tmp_path: Path, orchestrator: Command) -> None:
    store = store_of(tmp_path)
    store.put_all([stored_run(tmp_path / "runs", "a", repeat=n) for n in range(5)])
    store.put_all([stored_run(tmp_path / "runs", "b", repeat=n, rate=50, dataset_checksum="d") for n in range(5)])
    document = orchestrator("compare", "a", "b", "--json").document
    assert [metric["verdict"] for metric in document["series"][0]["metrics"]] == ["not enough runs"] * 2
    assert [item["dataset_checksum"] for item in document["missing"]] == ["c" * 64]


def test_series_come_by_scale_in_whatever_order_their_runs_were_drawn(tmp_path: Path, orchestrator: Command) -> None:
    store = store_of(tmp_path)
    for name in ("a", "b"):
        store.put_all([stored_run(tmp_path / "runs", name, nodes=nodes) for nodes in (4, 1, 16, 2)])
    document = orchestrator("compare", "a", "b", "--json").document
    assert [series["nodes"] for series in document["series"]] == [1, 2, 4, 16]


def test_the_newest_week_is_judged_and_the_change_is_located(tmp_path: Path, orchestrator: Command) -> None:
    store = store_of(tmp_path)
    for week in range(20):
        campaign(store, tmp_path, f"week{week:02d}", 0.93 if week >= 14 else 1.0, week=week)
    campaign(store, tmp_path, "newest", 0.85, week=20)
    answer = orchestrator("report", "--history", "benchmark=stemdl", "cluster=local", "--json")
    assert answer.code == 5
    jsonschema.validate(answer.document, json.loads(SCHEMA_FILE.read_text()))
    series = answer.document["series"][0]
    assert series["change_points"][0]["index"] == 14
    earlier = series["points"][13]["set"]
    before = orchestrator("report", "--history", f"week={earlier}")
    assert before.code == 0 and "no change" in before.out and "slower" not in before.out
    shown = orchestrator("report", "--history").out
    assert f"slower since {series['points'][14]['set']}" in shown


def test_what_cannot_be_compared_is_a_usage_error_with_a_hint(tmp_path: Path, orchestrator: Command) -> None:
    store = store_of(tmp_path)
    campaign(store, tmp_path, "before", repeats=1)
    for words, hint in (
        (["compare", "before"], "two campaigns or more"),
        (["compare", "before", "befor"], "Did you mean before?"),
        (["report", "--history", "benchmark=nothing"], "no completed run of benchmark=nothing"),
        (["report", "--history", "week=7"], "written as 2026-W07"),
        (["report", "--history", "window=0"], "a number of weeks"),
        (["report", "--history", "nodes=1"], "not nodes="),
    ):
        answer = orchestrator(*words)
        assert answer.code == 64 and hint in answer.err, answer.err


def test_a_change_of_level_is_open_until_it_is_accepted_with_a_reason(tmp_path: Path, orchestrator: Command) -> None:
    store = store_of(tmp_path)
    for week in range(12):
        campaign(store, tmp_path, f"week{week:02d}", 0.8 if week >= 9 else 1.0, week=week, repeats=5)
    first = orchestrator("history")
    assert first.code == 5 and "slower by 20 %" in first.out and ", open" in first.out
    document = orchestrator("history", "--json").document
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    one, _ = document["series"]
    assert one["metrics"][0]["since"] == one["points"][9]["set"]
    for words, hint in (
        (["accept", one["id"]], "and why"),
        (["accept", "nothing", "--why", "new driver"], "no series 'nothing'"),
    ):
        wrong = orchestrator("history", *words)
        assert wrong.code == 64 and hint in wrong.err
    accepted = orchestrator("history", "accept", one["id"], "--why", "new driver", "by=ann")
    assert accepted.code == 0 and "slower by 20 %" in accepted.out
    after = orchestrator("history", "--json").document
    assert [series["metrics"][0]["verdict"] for series in after["series"]] == ["acknowledged", "slower"]
    for week in range(12, 18):
        campaign(store, tmp_path, f"week{week:02d}", 0.8, week=week, repeats=5)
    later = orchestrator("history")
    assert "accepted by ann: new driver" in later.out
    verdicts = [series["metrics"][0]["verdict"] for series in orchestrator("history", "--json").document["series"]]
    assert verdicts == ["acknowledged", "slower"]
    twice = orchestrator("history", "accept", one["id"], "--why", "again")
    assert twice.code == 64 and "is open" in twice.err


def test_the_newest_campaign_is_the_one_planned_last_in_whatever_order(tmp_path: Path, orchestrator: Command) -> None:
    store = store_of(tmp_path)
    campaign(store, tmp_path, "before")
    campaign(store, tmp_path, "slow", 0.94, week=2)
    for words in (("before", "slow"), ("slow", "before")):
        answer = orchestrator("compare", *words, "--json")
        assert (answer.code, answer.document["target"]) == (5, "slow")
