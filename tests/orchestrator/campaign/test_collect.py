"""A run's folder becomes a record for the store; a damaged folder becomes a failed run that says what is wrong."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from commands import unpack

from orchestrator.campaign.collect import collect_run
from orchestrator.campaign.state import RunStatus
from orchestrator.records import AttemptDirectory, RunDirectory
from orchestrator.report.document import report_document
from orchestrator.report.entries.runs import RunEntry, missed_target
from orchestrator.report.tables.text import accuracy_time_text
from orchestrator.store.store import RunRecord, Store

KEPT = Path(__file__).resolve().parents[2] / "recorded" / "version-0.1.tar.gz"


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A training of em_denoise on two ranks that completed, as version 0.1 left it."""
    unpack(KEPT, tmp_path)
    return RunDirectory(tmp_path / "results" / "version-0.1" / "em_denoise-small-mpi-n2-r0")


def collected(run: RunDirectory) -> RunRecord:
    """What is collected of a run that the scheduler calls completed."""
    manifest = run.read_manifest()
    return collect_run(run, manifest, RunStatus(manifest.spec.run, "completed", attempts=manifest.attempts))


def test_collecting_again_gives_the_same_record(run: RunDirectory) -> None:
    first = collected(run)
    assert first.run["state"] == "completed" and (first.run["throughput"] or 0) > 0
    assert [rank["host"] for rank in first.ranks] == ["vm", "vm"]
    assert collected(run) == first


def test_what_throughput_counts_is_collected_with_it(run: RunDirectory) -> None:
    assert collected(run).run["throughput_unit"] == "samples/s"
    result = run.attempt(1).result
    document = json.loads(result.read_text())
    document["training"]["unit"] = "tokens"
    result.write_text(json.dumps(document))
    assert collected(run).run["throughput_unit"] == "tokens/s"


def stood_still_at_last(run: RunDirectory) -> None:
    result = run.attempt(1).result
    result.write_text(json.dumps(json.loads(result.read_text()) | {"stood_still_s": 9.3}))


def stood_still_in_an_earlier_attempt(run: RunDirectory) -> None:
    manifest = json.loads(run.manifest.read_text())
    run.manifest.write_text(json.dumps(manifest | {"attempts": 2}))
    shutil.copytree(run.attempt(1).path, run.attempt(2).path)
    run.attempt(1).result.unlink()
    beat = json.loads(run.attempt(1).heartbeat.read_text())
    run.attempt(1).heartbeat.write_text(json.dumps(beat | {"stood_still_s": 9.3}))


@pytest.mark.parametrize("disturb", [stood_still_at_last, stood_still_in_an_earlier_attempt])
def test_a_run_that_stood_still_is_complete_and_counts_in_no_statistic_of_times(
    run: RunDirectory, disturb: Callable[[RunDirectory], None], tmp_path: Path
) -> None:
    whole = collected(run).run
    disturb(run)
    record = collected(run)
    Store(f"sqlite:///{tmp_path / 'store.sqlite'}").put(record)
    assert (record.run["state"], record.run["quality"]) == ("completed", whole["quality"])
    for name in ("throughput", "throughput_cold", "throughput_warm", "time_to_accuracy_s", "critical_s"):
        assert record.run[name] is None, name  # type: ignore[literal-required]
    assert [rank["compute_s"] for rank in record.ranks] == [None, None]
    document = report_document("c", [record])
    assert document["scales"] == [] and document["stragglers"] == []
    (entry,) = document["runs"]
    for reached, text in ((True, "not timed"), (False, "not reached")):
        told: RunEntry = {**entry, "stopped": "epochs", "quality": {**entry["quality"], "reached": reached}}
        assert accuracy_time_text(told) == text and missed_target(told) is not reached


def cut_result(attempt: AttemptDirectory) -> None:
    attempt.result.write_bytes(attempt.result.read_bytes()[:100])


def forget_quality(attempt: AttemptDirectory) -> None:
    document = json.loads(attempt.result.read_text())
    del document["quality"]
    attempt.result.write_text(json.dumps(document))


def put_a_pipe(attempt: AttemptDirectory) -> None:
    attempt.result.unlink()
    os.mkfifo(attempt.result)


def cut_telemetry(attempt: AttemptDirectory) -> None:
    attempt.telemetry.write_bytes(attempt.telemetry.read_bytes()[:3000])


def forget_waiting(attempt: AttemptDirectory) -> None:
    with h5py.File(attempt.telemetry, "r+") as file:
        del file["step/communicate"]


def forget_telemetry(attempt: AttemptDirectory) -> None:
    attempt.telemetry.unlink()


@pytest.mark.parametrize(
    ("damage", "file", "words"),
    [
        (cut_result, "result.json", "cannot be read"),
        (forget_quality, "result.json", "quality is missing"),
        (put_a_pipe, "result.json", "not a plain file"),
        (cut_telemetry, "telemetry.h5", "cannot be read"),
        (forget_waiting, "telemetry.h5", "no dataset step/communicate"),
        (forget_telemetry, "telemetry.h5", "cannot be read"),
    ],
)
def test_a_damaged_run_is_a_failed_one_whose_cause_names_the_file(
    run: RunDirectory, damage: Callable[[AttemptDirectory], None], file: str, words: str
) -> None:
    damage(run.attempt(1))
    record = collected(run)
    assert record.run["state"] == "failed"
    cause = str(record.run["cause"])
    assert f"attempt-1/{file}" in cause and words in cause
