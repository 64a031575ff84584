"""A campaign's folder, its store, a data set and an acceptance's record as the program leaves them, made without ranks:
for tests of what reads them.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml

from orchestrator.campaign import following
from orchestrator.config.compose import compose_all
from orchestrator.plan import Site, plan
from orchestrator.records import (
    CLAIM_SCHEMA,
    RESULT_SCHEMA,
    TELEMETRY_SCHEMA,
    AliveSlot,
    RunDirectory,
    State,
    failure_record,
    step_dataset,
    write_json,
)
from orchestrator.records.settings import Configuration

STEPS, RANKS = 12, 2
ENDED = 1.79e9
FACTS = {"source": "stand-in", "name": "stemdl", "split": "material", "version": "1", "checksum": "c" * 64}


def made_campaign(results: Path, name: str = "c", runs: int = 3) -> Path:
    """A campaign of trainings on one node, of which the last failed and the others completed; return its folder."""
    words = ["benchmark=stemdl", "cluster=local", f"campaign={name}", f"repeats={runs}", "comm=mpi",
             "cluster.limits.max_attempts=1", f"results={results}", f"cluster.ranks_per_node={RANKS}"]  # fmt: skip
    (config,) = compose_all(words, False, None)
    planned = plan([config], "stamp", Site(4, results.parent))
    made = following.create(planned, {"host": "login", "python": "3.11", "packages": {"torch": "2.13.0"}})
    for number, (directory, manifest) in enumerate(made):
        manifest.attempts, manifest.job_id, manifest.submitted = 1, f"{number + 1}", ENDED - 60
        manifest.created, manifest.attempt_jobs = ENDED - 100 + number, [f"{number + 1}"]
        directory.write_manifest(manifest)
        made_attempt(directory, manifest.spec.run, name, completed=number < runs - 1)
    return planned.folder


def made_attempt(directory: RunDirectory, run: str, campaign: str, completed: bool) -> None:
    """The first attempt of a run, with all the files that one leaves."""
    attempt = directory.attempt(1)
    attempt.make()
    write_json(attempt.claim, {"schema": CLAIM_SCHEMA, "job": "1", "host": "n1", "pid": 17, "started": ENDED - 50})
    write_json(attempt.heartbeat, {
        "time": ENDED, "started": ENDED - 40, "phase": "train", "epoch": 1, "epochs": 2, "step": STEPS,
        "steps_per_epoch": 6, "samples_per_s": 100.0, "metric": "macro_f1", "quality": 0.7, "target": 0.7,
        "progress": 40, "elapsed_s": 12.0, "redone_s": 0.0, "first_step": 0, "unit": "samples",
    })  # fmt: skip
    slots = [AliveSlot(rank, ENDED, 100 + rank, "train", STEPS, False).encode() for rank in range(RANKS)]
    attempt.alive.write_bytes(b"".join(slots))
    attempt.stdout.write_text("trained\n")
    attempt.stderr.write_text("warning: none\n")
    made_telemetry(attempt.telemetry)
    attempt.pictures.write_bytes(picture())
    log = [{"key": "submission_org", "value": "x", "time_ms": 1790000000000, "metadata": {}}]
    attempt.mllog.write_text("".join(f":::MLLOG {json.dumps(event)}\n" for event in log))
    if completed:
        write_json(attempt.result, made_result(run, campaign))
        write_json(attempt.ended, {"schema": CLAIM_SCHEMA, "job": "1", "ended": ENDED})
        write_json(attempt.account, {
            "schema": "orchestrator.account/1", "job": "1", "j": 900.0, "source": "slurm", "others": None,
        })  # fmt: skip
    else:
        write_json(attempt.failure, failure_record("failed", "rank 1 on n1: ValueError: no"))
        attempt.errors.mkdir()
        write_json(attempt.errors / "rank-1.json", {
            "rank": 1, "host": "n1", "time": ENDED, "kind": "ValueError", "message": "no", "communication": False,
        })  # fmt: skip


def made_result(run: str, campaign: str) -> dict[str, Any]:
    """What rank 0 writes of a training."""
    quality = {"metric": "macro_f1", "value": 0.71, "target": 0.7, "basis": "chosen", "reached": True}
    return {
        "schema": RESULT_SCHEMA, "run": run, "campaign": campaign, "mode": "training", "state": "completed",
        "pictures": ["samples.png"], "ended": ENDED, "warnings": ["one"], "stopped": "target",
        "quality": {**quality, "all": {"macro_f1": 0.71}}, "time_to_accuracy_s": 9.0, "dataset": FACTS,
        "world": {
            "ranks": RANKS, "nodes": 1, "hosts": ["n1"] * RANKS, "devices": ["cpu"] * RANKS, "cores": ["0", "1"],
            "comm": "mpi", "threads_per_rank": 1, "layouts": [[["0", "1"]]], "layout_of_rank": [0] * RANKS,
            "unbound": None, "processors": [{"name": "P", "microcode": "1", "ranks": RANKS}],
            "promise": [{"hosts": ["n1"], "compared": [
                {"what": "cores", "promised": "2", "found": "2", "state": "ok", "remedy": ""}]}],
        },
        "energy": {
            "j": 500.0, "to_accuracy_j": 400.0, "seconds": 12.0, "period_s": 1.0, "source": "rapl", "reason": None,
            "nodes": [{"host": "n1", "j": 500.0}], "scope": "package", "others": None, "slowed": [],
            "meters": [{"scope": "package", "source": "rapl", "count": 1, "j": 500.0}],
        },
        "training": {
            "epochs": 2, "steps": STEPS, "samples": STEPS * 16, "unit": "samples", "elapsed_s": 12.0,
            "redone_s": 0.0, "global_batch": 16, "learning_rate": 0.1, "learning_rate_scaling": "linear",
            "precision": "float32", "kernels": "torch", "parameters": 1000,
            "step_work": {"samples": 8, "flop": 1000000, "bytes": 100000},
        },
    }  # fmt: skip


def made_telemetry(path: Path) -> None:
    """Telemetry as ranks write it."""
    text = h5py.string_dtype()
    with h5py.File(path, "w") as file:
        file.attrs.update({"schema": TELEMETRY_SCHEMA, "unit": "samples", "first_step": 0})
        file["rank/host"] = np.array(["n1"] * RANKS, text)
        file["rank/device"] = np.array(["cpu"] * RANKS, text)
        file["rank/node"] = np.zeros(RANKS, np.int32)
        file["rank/local_rank"] = np.arange(RANKS, dtype=np.int32)
        for part, seconds in (("total", 1.0), ("data", 0.1), ("compute", 0.7), ("waiting", 0.2)):
            values = np.full((RANKS, STEPS), seconds, np.float32)
            file.create_dataset(step_dataset(part), data=values, chunks=(1, STEPS))
        file["step/epoch"] = np.repeat(np.arange(2, dtype=np.int32), STEPS // 2)[None].repeat(RANKS, 0)
        file["step/samples"] = np.full((RANKS, STEPS), 8, np.int32)
        file["step/loss"] = np.full((RANKS, STEPS), 0.5, np.float32)
        file["evaluation/seconds"], file["evaluation/value"] = np.array([5.0, 9.0]), np.array([0.5, 0.71])
        file["evaluation/epoch"] = np.array([0, 1], np.int32)
        file["phase/name"] = np.array(["import", "train"], text)
        file["phase/start"] = np.tile([ENDED - 40, ENDED - 30], (RANKS, 1))
        file["phase/stop"] = np.tile([ENDED - 35, ENDED - 5], (RANKS, 1))


def picture() -> bytes:
    """A PNG of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


SUITE = {
    "workloads": {"train": {"benchmark": "stemdl", "overrides": [f"cluster.ranks_per_node={RANKS}"]}},
    "phases": [{"name": "speed", "checks": [
        {"check": "available"}, {"check": "completed", "workload": "train"},
        {"check": "reference", "workload": "train", "quantity": "throughput",
         "bound": {"value": 16.0, "lower": -0.5, "unit": "samples/s", "basis": "made up"}},
    ]}],
}  # fmt: skip


def made_record(folder: Path, campaign: Path) -> Path:
    """The record of an acceptance that took its runs from a campaign's folder; return it, sealed."""
    from orchestrator.acceptance.measurements import Entry
    from orchestrator.acceptance.record import Record, Session
    from orchestrator.acceptance.suite import resolve_suite
    from orchestrator.cli.accept import write_forms

    site = folder / "site" / "acceptance"
    site.mkdir(parents=True)
    (site / "made.yaml").write_text(yaml.safe_dump(SUITE))
    suite = resolve_suite(["suite=made", "cluster=local", "nodes=1", f"results={folder}"], str(site.parent))
    record = Record(folder / "record")
    record.path.mkdir()
    session = Session(started=ENDED - 100, ended=ENDED, ran=["speed"])
    for directory, manifest in following.load(campaign).runs:
        done = directory.attempt(1).result.exists()
        state: State = "completed" if done else "failed"
        entry = Entry("train", "speed", manifest.spec.campaign, manifest.spec.run, state, None)
        record.copy_run(directory, entry)
        session.entries.append(entry)
    record.write_suite(suite, suite.checks)
    record.write_session(session)
    write_json(record.path / "inventory.json", {})
    write_forms(record)
    return record.path


def configuration(results: Path) -> Configuration:
    """The configuration of the campaign's runs."""
    (config,) = compose_all(["benchmark=stemdl", "cluster=local", f"results={results}"], False, None)
    return config
