"""From a run's folder to a record for the store. Reading it again gives the same record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from orchestrator.analysis.throughput import throughput
from orchestrator.records import STEP_TIMES, AttemptDirectory, Manifest, RunDirectory, read_json_if_whole
from orchestrator.store.ranks import RankTable
from orchestrator.store.store import RunRecord, Store, manifest_text
from orchestrator.watch import RunStatus


class CollectError(RuntimeError):
    """A run's telemetry cannot be read; the message names the file."""


def read_telemetry(path: Path) -> dict[str, Any]:
    """The datasets of a telemetry file by their full names. Raises CollectError."""
    try:
        with h5py.File(path, "r") as file:
            content: dict[str, Any] = {}

            def take(name: str, node: Any) -> None:
                if isinstance(node, h5py.Dataset):
                    content[name] = node.asstr()[()] if h5py.check_string_dtype(node.dtype) else node[()]

            file.visititems(take)
            return content
    except (OSError, KeyError) as error:
        raise CollectError(f"{path} cannot be read: {error}") from error


def collect_run(directory: RunDirectory, manifest: Manifest, status: RunStatus) -> RunRecord:
    """All that is to be known of a run, whatever its state. A damaged telemetry file makes it a failed one."""
    spec = manifest.spec
    record = RunRecord(
        {
            "campaign": spec.campaign,
            "run": spec.run,
            "benchmark": spec.benchmark,
            "cluster": spec.cluster,
            "comm": spec.comm,
            "mode": spec.mode,
            "recipe": spec.recipe,
            "scale": spec.scale,
            "nodes": spec.nodes,
            "ranks": spec.ranks,
            "repeat": spec.repeat,
            "seed": spec.seed,
            "state": status.state,
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
    attempt = directory.attempt(manifest.attempts)
    failure = read_json_if_whole(attempt.failure)
    if failure is not None:
        record.run["ended"] = failure["ended"]
    result = read_json_if_whole(attempt.result)
    if status.state == "completed" and result is not None:
        add_result(record, result)
        try:
            add_telemetry(record, attempt)
        except CollectError as error:
            record.run |= {"state": "failed", "cause": str(error)}
    return record


def add_result(record: RunRecord, result: dict[str, Any]) -> None:
    """What rank 0 wrote: data set, quality, time to accuracy."""
    dataset, quality = result["dataset"], result["quality"]
    record.run |= {
        "ended": result["ended"],
        "stopped": result["stopped"],
        "dataset_name": dataset["name"],
        "dataset_source": dataset["source"],
        "dataset_split": dataset["split"],
        "dataset_version": str(dataset["version"]),
        "dataset_checksum": dataset["checksum"],
        "metric": quality["metric"],
        "quality": quality["value"],
        "target": quality["target"],
        "time_to_accuracy_s": result["time_to_accuracy_s"],
        "result": manifest_text(result),
    }


def add_telemetry(record: RunRecord, attempt: AttemptDirectory) -> None:
    """What every rank measured."""
    content = read_telemetry(attempt.telemetry)
    measured = throughput(content["step/total"], content["step/samples"], content["step/epoch"])
    record.run |= {
        "throughput": measured.run,
        "throughput_cold": measured.cold,
        "throughput_warm": measured.warm,
    }
    sums = {name: np.asarray(content[f"step/{name}"], np.float64).sum(axis=1) for name in STEP_TIMES}
    rows = []
    for rank, host in enumerate(content["rank/host"]):
        rows.append(
            {
                "rank": rank,
                "host": str(host),
                "node": int(content["rank/node"][rank]),
                "local_rank": int(content["rank/local_rank"][rank]),
                "device": str(content["rank/device"][rank]),
                "throughput": measured.per_rank[rank],
                **{f"{name}_s": float(values[rank]) for name, values in sums.items()},
            }
        )
    record.ranks = RankTable.of_rows(rows)
    values = zip(content["evaluation/seconds"], content["evaluation/epoch"], content["evaluation/value"], strict=True)
    for number, (seconds, epoch, value) in enumerate(values):
        record.evaluations.append(
            {"number": number, "seconds": float(seconds), "epoch": int(epoch), "value": float(value)}
        )
    # A phase lasts as long as on its slowest rank, and is summed over its intervals.
    longest = np.max(content["phase/stop"] - content["phase/start"], axis=0)
    lengths: dict[str, float] = {}
    for name, seconds in zip(content["phase/name"], longest, strict=True):
        lengths[str(name)] = lengths.get(str(name), 0.0) + float(seconds)
    record.phases = [{"name": name, "seconds": seconds} for name, seconds in lengths.items()]


def collect(store: Store, directory: RunDirectory, manifest: Manifest, status: RunStatus) -> RunRecord:
    """Put a run into the store and return what went in."""
    record = collect_run(directory, manifest, status)
    store.put(record)
    return record
