"""What version 0.1 left behind is still read: run folders, telemetry and the store."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import jsonschema
import pytest
from commands import Command, unpack

from orchestrator.report.document import SCHEMA_FILE

KEPT = Path(__file__).resolve().parents[1] / "recorded" / "version-0.1.tar.gz"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A campaign of em_denoise on one and two ranks, and the store with it."""
    unpack(KEPT, tmp_path)
    return tmp_path / "results"


def test_an_old_store_is_reported_as_it_was(orchestrator: Command, kept: Path) -> None:
    answer = orchestrator("report", "version-0.1", "--json")
    assert answer.code in (0, 2), answer.err
    document = answer.document
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    runs = [run for run in document["runs"] if run["repeat"] == 0]
    assert [(run["ranks"], run["state"]) for run in runs] == [(1, "completed"), (2, "completed")]
    assert all(run["throughput"]["run"] > 0 and run["quality"]["metric"] == "psnr" for run in runs)


def test_old_run_folders_are_collected_into_a_new_store(orchestrator: Command, kept: Path) -> None:
    with sqlite3.connect(kept / "store.sqlite") as store:
        before = dict(store.execute("select run, throughput from run where repeat = 0").fetchall())
    (kept / "store.sqlite").unlink()
    collected = orchestrator("collect", "version-0.1")
    assert collected.code in (0, 2), collected.err
    document = orchestrator("report", "version-0.1", "--json").document
    after = {run["run"]: run["throughput"]["run"] for run in document["runs"]}
    assert after == {run: pytest.approx(before[run]) for run in after} and len(after) == 2


def test_the_state_of_an_old_campaign_is_told(orchestrator: Command, kept: Path) -> None:
    answer = orchestrator("status", "version-0.1")
    assert answer.code == 0 and answer.out.count("completed") == 2, answer.out + answer.err
