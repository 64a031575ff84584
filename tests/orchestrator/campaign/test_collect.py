"""A run's folder becomes a record for the store; a damaged folder becomes a failed run that says what is wrong."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from orchestrator.campaign.collect import collect_run
from orchestrator.campaign.state import RunStatus
from orchestrator.records import AttemptDirectory, RunDirectory
from orchestrator.store.store import RunRecord

KEPT = Path(__file__).resolve().parents[2] / "recorded" / "version-0.1.tar.gz"


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A training of em_denoise on two ranks that completed, as version 0.1 left it."""
    with tarfile.open(KEPT) as archive:
        archive.extractall(tmp_path, filter="data")
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
