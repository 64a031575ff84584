"""The report of a campaign as one JSON document, ``orchestrator.report/1``: what every format is made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.analysis.comparison import compare_recipes
from orchestrator.analysis.scaling import efficiencies
from orchestrator.records import PHASES
from orchestrator.store.store import RunRecord

SCHEMA = "orchestrator.report/1"
SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


def report_document(campaign: str, records: Sequence[RunRecord]) -> dict[str, Any]:
    """The document of a campaign's stored runs."""
    runs = [run_entry(record) for record in records]
    return {
        "schema": SCHEMA,
        "campaign": campaign,
        "runs": runs,
        "comparison": compare_recipes(runs),
        "scaling": scaling_entries(records),
    }


def run_entry(record: RunRecord) -> dict[str, Any]:
    """One run."""
    run = record.run
    result = json.loads(run["result"]) if run.get("result") else {}
    phases = {row["name"]: row["seconds"] for row in record.phases}
    copied = (
        "run",
        "benchmark",
        "cluster",
        "comm",
        "mode",
        "recipe",
        "scale",
        "nodes",
        "ranks",
        "repeat",
        "seed",
    )
    return {
        **{name: run[name] for name in copied},
        "state": run["state"],
        "attempts": run["attempts"],
        "cause": run["cause"],
        "stopped": run.get("stopped"),
        "dataset": {name: run.get(f"dataset_{name}") for name in ("name", "source", "split", "version", "checksum")},
        "throughput": {
            "unit": "samples/s",
            "run": run.get("throughput"),
            "cold": run.get("throughput_cold"),
            "warm": run.get("throughput_warm"),
            "per_rank": [rank["throughput"] for rank in record.ranks],
        },
        "hosts": [rank["host"] for rank in record.ranks],
        "time_per_rank_s": [
            {name: rank[f"{name}_s"] for name in ("total", "data", "compute", "communicate")} for rank in record.ranks
        ],
        "quality": {
            "metric": run.get("metric"),
            "value": run.get("quality"),
            "target": run.get("target"),
            "basis": result.get("quality", {}).get("basis"),
            "reached": result.get("quality", {}).get("reached"),
            "all": result.get("quality", {}).get("all", {}),
        },
        "evaluations": [{name: row[name] for name in ("seconds", "epoch", "value")} for row in record.evaluations],
        "time_to_accuracy_s": run.get("time_to_accuracy_s"),
        "phases_s": dict(sorted(phases.items(), key=lambda item: PHASES.index(item[0]))),
        "training": result.get("training", {}),
        "inference": result.get("inference"),
        "pictures": [f"attempt-{run['attempts']}/{name}" for name in result.get("pictures", [])],
        "warnings": result.get("warnings", []),
        "directory": run["directory"],
        "config_hash": run["config_hash"],
    }


def scaling_entries(records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """Efficiencies of every series of runs that differ in nothing but node count and repeat."""
    series: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in records:
        run = record.run
        if run["state"] == "completed" and run.get("throughput"):
            names = ("benchmark", "cluster", "comm", "recipe", "scale", "mode", "dataset_checksum")
            series.setdefault(tuple(str(run[name]) for name in names), []).append(record)
    entries = []
    for (benchmark, cluster, comm, recipe, scale, run_mode, _), members in series.items():
        measured: dict[int, list[float]] = {}
        ranks = {}
        for member in members:
            # Warm where there is such an epoch: the cold one measures the file system too.
            value = member.run["throughput_warm"] or member.run["throughput"]
            measured.setdefault(member.run["nodes"], []).append(value)
            ranks[member.run["nodes"]] = member.run["ranks"]
        if len(measured) < 2:
            continue
        for item in efficiencies(measured):
            entries.append(
                {
                    "benchmark": benchmark,
                    "cluster": cluster,
                    "dataset": f"{members[0].run['dataset_name']}, {members[0].run['dataset_source']}",
                    "mode": "strong" if scale == "strong" else "weak",
                    "comm": comm,
                    "recipe": recipe,
                    "run_mode": run_mode,
                    "nodes": item.nodes,
                    "ranks": ranks[item.nodes],
                    "efficiency": item.efficiency,
                    "interval": list(item.interval) if item.interval else None,
                    "n": item.n,
                    "base_nodes": item.base_nodes,
                }
            )
    return entries
