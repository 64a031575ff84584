"""From a run's folder to a record for the store. Reading the folder again gives the same record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from orchestrator.campaign.attempts import history, stood_still_seconds
from orchestrator.campaign.state import RunStatus
from orchestrator.errors import OrchestratorError
from orchestrator.records import (
    SAMPLES,
    STEP_TIMES,
    Account,
    AttemptDirectory,
    Claim,
    CollectedResult,
    Failure,
    Manifest,
    RecordError,
    Result,
    RunDirectory,
    State,
    batch_of,
    processors_text,
    read_record,
    read_record_if_whole,
    throughput_unit,
)
from orchestrator.store.checking import as_failed, trouble_of
from orchestrator.store.entries import PhaseRow
from orchestrator.store.ranks import RankTable
from orchestrator.store.store import RunRecord, Store, manifest_text
from orchestrator.telemetry.file import DAMAGE, read_telemetry
from orchestrator.telemetry.throughput import throughput_of

SLACK_SECONDS = 60.0
"""What a duration may have beyond the job's own: versions before this one timed both by clocks that can be set."""


class CollectError(OrchestratorError):
    """A run's telemetry cannot be read. The message names the file."""


def collect_run(directory: RunDirectory, manifest: Manifest, status: RunStatus) -> RunRecord:
    """Return the record of a run in any state. What is damaged of its files makes it a failed run."""
    record = read_run_files(directory, manifest, status)
    why = trouble_of(record)
    return as_failed(record, f"{directory.path}: {why}") if why else record


def read_run_files(directory: RunDirectory, manifest: Manifest, status: RunStatus) -> RunRecord:
    """Return what the files of a run say. Damaged telemetry makes it a failed run."""
    spec = manifest.spec
    record = RunRecord(
        {
            "campaign": spec.campaign,
            "run": spec.run,
            "benchmark": spec.benchmark,
            "cluster": spec.cluster,
            "comm": spec.comm,
            "mode": spec.mode,
            "dataset_name": spec.dataset,
            "method": spec.method,
            "recipe": spec.recipe,
            "scale": spec.scale,
            "nodes": spec.nodes,
            "ranks": spec.ranks,
            "threads_per_rank": spec.threads_per_rank,
            "global_batch": batch_of(asdict(spec)),
            "repeat": spec.repeat,
            "seed": spec.seed,
            "state": cast(State, status.state),
            "attempts": manifest.attempts,
            "cause": status.cause,
            "created": manifest.created,
            "directory": str(directory.path),
            "config_hash": manifest.config_hash,
            "git_commit": manifest.provenance.get("git", {}).get("commit"),
            "git_dirty": manifest.provenance.get("git", {}).get("dirty"),
            "manifest": manifest_text(manifest.to_dict()),
        }
    )
    if manifest.attempts == 0:
        return record
    if manifest.attempts > 1:
        record.run["manifest"] = manifest_text({**manifest.to_dict(), "history": history(directory)})
    attempt = directory.attempt(manifest.attempts)
    failure = read_record_if_whole(attempt.failure, Failure)
    if failure is not None:
        record.run["ended"] = failure["ended"]
    if status.state == "completed":
        try:
            result = read_record(attempt.result, Result)
            account = read_record_if_whole(attempt.account, Account)
            add_result(record, result if account is None else {**result, "account": account})
            add_telemetry(record, attempt, seconds_of_job(attempt, result))
            if stood_still_seconds(directory, result):
                withhold_times(record)
        except (CollectError, RecordError) as error:
            record.run |= {"state": "failed", "cause": str(error)}
    return record


def add_result(record: RunRecord, result: Result | CollectedResult) -> None:
    """Add the content of rank 0's result: data set, quality, time to accuracy."""
    dataset, quality, energy = result["dataset"], result["quality"], result.get("energy")
    record.run |= {
        "ended": result["ended"],
        "stopped": result["stopped"],
        "throughput_unit": throughput_unit(result.get("training", {}).get("unit", SAMPLES)),
        "dataset_source": dataset["source"],
        "dataset_split": dataset["split"],
        "dataset_version": str(dataset["version"]),
        "dataset_checksum": dataset["checksum"],
        "metric": quality["metric"],
        "quality": quality["value"],
        "target": quality["target"],
        "time_to_accuracy_s": result["time_to_accuracy_s"],
        "energy_j": energy["j"] if energy else None,
        "energy_to_accuracy_j": energy["to_accuracy_j"] if energy else None,
        "processors": processors_text(result["world"]),
        "result": manifest_text(result),
    }


def withhold_times(record: RunRecord) -> None:
    """Take away what was timed in a run whose ranks stood still meanwhile: all of it contains that. The run is
    completed, with its quality, and counts in no statistic of times.
    """
    untimed = {"throughput": None, "throughput_cold": None, "throughput_warm": None, "critical_s": None}
    record.run |= {**untimed, "step_times": None, "time_to_accuracy_s": None}  # type: ignore[typeddict-item]
    record.ranks = record.table.untimed()
    record.evaluations = []
    record.phases = []


def seconds_of_job(attempt: AttemptDirectory, result: Result) -> float:
    """Return how long the job of an attempt lasted, by the clock of its first host, where its claim and its result were
    written; without an end where two hosts wrote them.
    """
    claim = read_record_if_whole(attempt.claim, Claim)
    if claim is None or claim["host"] not in result["world"]["hosts"][:1]:
        return np.inf
    seconds = result["ended"] - claim["started"]
    # A clock that was set back meanwhile says nothing.
    return seconds + SLACK_SECONDS if seconds > 0 else np.inf


def add_telemetry(record: RunRecord, attempt: AttemptDirectory, longest: float) -> None:
    """Add the measurements of every rank, of which none lasted longer than ``longest`` seconds. Raises CollectError."""
    try:
        telemetry = read_telemetry(attempt.telemetry, record.run["ranks"])
        content, sums = telemetry.small, telemetry.sums
        measured = throughput_of(sums)
        record.run |= {
            "throughput": measured.run,
            "throughput_cold": measured.cold,
            "throughput_warm": measured.warm,
            "critical_s": sums.critical_s,
            "step_times": json.dumps(telemetry.distribution) if telemetry.distribution else None,
        }
        record.ranks = RankTable.of(
            {name: content[f"rank/{name}"] for name in ("host", "device")},
            {name: content[f"rank/{name}"] for name in ("node", "local_rank")},
            {"throughput": measured.per_rank, **{f"{name}_s": sums.seconds[name] for name in STEP_TIMES}},
        )
        columns = zip(*(content[f"evaluation/{name}"] for name in ("seconds", "epoch", "value")), strict=True)
        record.evaluations = [
            {"number": number, "seconds": float(seconds), "epoch": int(epoch), "value": float(value)}
            for number, (seconds, epoch, value) in enumerate(columns)
        ]
        record.phases = phase_seconds(content, longest)
    except DAMAGE as error:
        raise CollectError(f"{attempt.telemetry} cannot be read: {error}") from error


def phase_seconds(content: Mapping[str, npt.NDArray[Any]], limit: float = np.inf) -> list[PhaseRow]:
    """Return the seconds of each phase: those of its slowest rank, summed over its intervals.

    A rank's duration that is negative or longer than ``limit`` (s), which the whole run had, comes of a clock that was
    set meanwhile: it is none, and a phase without any other is left out.
    """
    seconds_of_ranks = content["phase/stop"] - content["phase/start"]
    possible = (seconds_of_ranks >= 0) & (seconds_of_ranks <= limit)
    longest = np.max(np.where(possible, seconds_of_ranks, -1.0), axis=0)
    lengths: dict[str, float] = {}
    for name, seconds in zip(content["phase/name"], longest, strict=True):
        if seconds < 0:
            continue
        text = name.decode()
        lengths[text] = lengths.get(text, 0.0) + float(seconds)
    return [{"name": name, "seconds": seconds} for name, seconds in lengths.items()]


def collect(store: Store, directory: RunDirectory, manifest: Manifest, status: RunStatus) -> RunRecord:
    """Put a run into the store; return its record."""
    record = collect_run(directory, manifest, status)
    store.put(record)
    return record
