"""Runs as the store has them, made without running: for tests of what is shown and exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np

from orchestrator.store.entries import EvaluationRow, PhaseRow, RankRow, RunRow
from orchestrator.store.store import RunRecord

STEPS = 40
PHASES = {"import": 1.5, "rendezvous": 0.5, "train": 12.0, "evaluate": 2.0}


def stored_run(
    folder: Path,
    campaign: str = "weekly",
    name: str | None = None,
    nodes: int = 1,
    repeat: int = 0,
    rate: float = 100.0,
    created: float = 1.79e9,
    evaluations: int = 4,
    **changes: Any,
) -> RunRecord:
    """A completed training on two ranks a node at ``rate`` samples/s a rank, with its folder and telemetry."""
    ranks = 2 * nodes
    run = name or f"stemdl-small-n{nodes}-r{repeat}"
    directory = folder / campaign / f"{len(list(folder.glob('*/*')))}"
    attempt = directory / "attempt-1"
    attempt.mkdir(parents=True)
    random = np.random.default_rng(repeat + 100 * nodes)
    total = (8 / rate) * (1 + 0.02 * random.standard_normal((ranks, STEPS)))
    hosts = [f"node{rank // 2}" for rank in range(ranks)]
    with h5py.File(attempt / "telemetry.h5", "w") as file:
        file["step/total"] = total.astype(np.float32)
        for part, share in (("compute", 0.8), ("data", 0.05), ("waiting", 0.15)):
            file[f"step/{part}"] = (share * total).astype(np.float32)
        file["step/samples"] = np.full((ranks, STEPS), 8, np.int32)
        file["step/epoch"] = np.repeat(np.arange(STEPS // 10), 10)[None, :].repeat(ranks, 0)
    names = {"campaign": changes.get("campaign", campaign), "run": changes.get("run", run)}
    (directory / "manifest.json").write_text(json.dumps({"spec": names}))
    rows: list[RankRow] = [
        {
            "rank": rank, "host": host, "device": "cpu", "node": rank // 2, "local_rank": rank % 2,
            "throughput": rate, "total_s": 16.0, "data_s": 0.8, "compute_s": 12.8, "waiting_s": 2.4,
        }
        for rank, host in enumerate(hosts)
    ]  # fmt: skip
    curve: list[EvaluationRow] = [
        {"number": number, "seconds": 6.0 * (number + 1) / nodes, "epoch": number, "value": 0.3 + 0.15 * number}
        for number in range(evaluations)
    ]
    quality = curve[-1]["value"] if curve else None
    reached = next((row["seconds"] for row in curve if (row["value"] or 0) >= 0.7), None)
    provenance = {
        "git": {"commit": "0123456789abcdef", "dirty": False},
        "packages": {"torch": "2.13.0"},
        "python": "3.11",
    }
    manifest = {
        "schema": "orchestrator.manifest/1", "created": created, "job_id": "17", "provenance": provenance,
        "config": {"benchmark": {"name": "stemdl"}, "nodes": nodes},
    }  # fmt: skip
    scores = {"top1": 0.8} | ({} if quality is None else {"macro_f1": quality})
    result = {
        "quality": {"metric": "macro_f1", "value": quality, "target": 0.7, "basis": "chosen",
                    "reached": reached is not None, "all": scores},
        "training": {"epochs": evaluations, "steps": STEPS, "samples": STEPS * 8 * ranks, "global_batch": 8 * ranks},
        "pictures": [], "warnings": [],
    }  # fmt: skip
    row = {
        "campaign": campaign, "run": run, "benchmark": "stemdl", "method": "reference", "cluster": "local",
        "comm": "mpi", "mode": "training", "recipe": "small", "scale": "weak", "nodes": nodes, "ranks": ranks,
        "repeat": repeat, "seed": 1 + repeat,
        "state": "completed", "attempts": 1, "cause": None, "created": created, "ended": created + 20,
        "directory": str(directory), "config_hash": "f" * 64, "git_commit": "0123456789abcdef", "git_dirty": False,
        "stopped": "target", "dataset_name": "stemdl", "dataset_source": "stand-in", "dataset_split": "material",
        "dataset_version": "1", "dataset_checksum": "c" * 64, "throughput": rate * ranks,
        "throughput_cold": 0.9 * rate * ranks, "throughput_warm": rate * ranks, "metric": "macro_f1",
        "quality": quality, "target": 0.7, "time_to_accuracy_s": reached,
        "manifest": json.dumps(manifest), "result": json.dumps(result),
    }  # fmt: skip
    phases: list[PhaseRow] = [{"name": name, "seconds": seconds} for name, seconds in PHASES.items()]
    return RunRecord(cast(RunRow, {**row, **changes}), rows, curve, phases)


def placed_run(folder: Path, **changes: Any) -> RunRecord:
    """A run on two nodes of two processors, each of eight cores with two threads, whose ranks recorded their places."""
    record = stored_run(folder, **{"nodes": 2, "name": "placed", **changes})
    layout = [[f"{core},{core + 16}" for core in range(first, first + 8)] for first in (0, 8)]
    world = {
        "ranks": 4, "nodes": 2, "comm": "mpi", "threads_per_rank": 6,
        "hosts": [row["host"] for row in record.ranks],
        "devices": [f"NVIDIA A100-SXM4-80GB GPU-{rank}" for rank in range(4)],
        "cores": ["0-5,16-21", "8-13,24-29"] * 2, "layouts": [layout], "layout_of_rank": [0] * 4, "unbound": None,
    }  # fmt: skip
    record.run["result"] = json.dumps({**record.result, "world": world})
    return RunRecord(record.run, record.ranks, record.evaluations, record.phases)


def failed_run(folder: Path, **changes: Any) -> RunRecord:
    """A run that ended without a result."""
    record = stored_run(folder, **{"state": "failed", "cause": "rank 1: ValueError", "result": None, **changes})
    for name in (
        "throughput",
        "throughput_cold",
        "throughput_warm",
        "quality",
        "metric",
        "target",
        "time_to_accuracy_s",
    ):
        record.run[name] = None
    record.run |= {"dataset_source": None, "stopped": None}
    return RunRecord(record.run)


def scaling_campaign(folder: Path, repeats: int = 3) -> list[RunRecord]:
    """A weak-scaling campaign on 1, 2 and 4 nodes."""
    efficiency = {1: 1.0, 2: 0.93, 4: 0.85}
    return [
        stored_run(folder, nodes=nodes, repeat=repeat, rate=100 * share * (1 + 0.01 * (repeat - 1)))
        for nodes, share in efficiency.items()
        for repeat in range(repeats)
    ]
