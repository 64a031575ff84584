"""The tables of runs and of ranks, which CSV and Parquet hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.records import STEP_TIMES, unit_of
from orchestrator.report.entries.matrix import MeanEntry
from orchestrator.report.entries.runs import devices_slowed
from orchestrator.report.entries.values import values_of
from orchestrator.report.formats import Report

RUN = {
    "campaign": str, "run": str, "benchmark": str, "cluster": str, "comm": str, "mode": str, "method": str,
    "recipe": str, "scale": str, "nodes": int, "ranks": int, "repeat": int, "seed": int, "state": str, "attempts": int,
    "cause": str, "created": float, "ended": float, "stopped": str, "dataset_name": str, "dataset_source": str,
    "dataset_split": str, "dataset_version": str, "dataset_checksum": str, "throughput": float,
    "throughput_cold": float, "throughput_warm": float, "metric": str, "quality": float, "target": float,
    "time_to_accuracy_s": float, "config_hash": str, "git_commit": str, "git_dirty": bool, "directory": str,
    "throughput_unit": str, "energy_j": float, "samples_per_j": float, "devices_slowed": int,
}  # fmt: skip
"""Columns of a run with their types. Times are in seconds (``created`` and ``ended`` since the epoch), throughputs in
``throughput_unit``, energies in J.
"""

RANK = {
    "campaign": str, "run": str, "rank": int, "host": str, "node": int, "local_rank": int, "device": str,
    "throughput": float, **{f"{part}_s": float for part in STEP_TIMES}, "communicate_s": float,
    "throughput_unit": str,
}  # fmt: skip
"""Columns of a rank with their types. Throughput is in ``throughput_unit``; times are sums over the steps, s."""


MATRIX = {
    "campaign": str, "benchmark": str, "cluster": str, "comm": str, "run_mode": str, "recipe": str, "scale": str,
    "nodes": int, "ranks": int, "dataset_name": str, "dataset_source": str, "method": str, "quantity": str,
    "mean": float, "deviation": float, "low": float, "high": float, "n": int, "best": bool, "published": float,
    "source": str, "unit": str, "warm": bool,
}  # fmt: skip
"""Columns of a matrix's fields: metrics by their names, throughput (in ``unit``, of ``warm`` epochs or of whole runs),
time_to_accuracy_s, energy_j. ``low`` and ``high`` bound the 95 % interval of the mean; ``published`` is a value
that ``source`` reports.
"""


def matrix_rows(reports: Sequence[Report]) -> Iterator[list[Any]]:
    """Values of MATRIX's columns, then a row for each published value."""
    for report in reports:
        for entry in report.document["matrix"]:
            common = [report.campaign, *values_of(entry, list(MATRIX)[1:9])]
            sources = {dataset["name"]: dataset["source"] for dataset in entry["datasets"]}
            for cell in entry["cells"]:
                dataset = entry["datasets"][cell["row"]]
                measured: dict[str, MeanEntry | None] = {**cell["metrics"], "throughput": cell["throughput"]}
                measured |= {"time_to_accuracy_s": cell["time_to_accuracy_s"], "energy_j": cell["energy_j"]}
                for name, found in measured.items():
                    if found is not None:
                        low, high = found["interval"] or (None, None)
                        place = [dataset["name"], dataset["source"], cell["method"], name]
                        yield [*common, *place, found["mean"], found["deviation"], low, high, found["n"],
                               found.get("best"), None, None, found.get("unit"), found.get("warm")]  # fmt: skip
            for item in entry["published"]:
                place = [item["dataset"], sources[item["dataset"]], item["method"], item["metric"]]
                yield [*common, *place, *[None] * 6, item["value"], item["source"], None, None]


def run_rows(reports: Sequence[Report]) -> Iterator[list[Any]]:
    """Yield the values of RUN's columns."""
    for report in reports:
        entries = {entry["directory"]: entry for entry in report.document["runs"]}
        for record in report.records:
            entry = entries[record.run["directory"]]
            values = {
                **record.run, "throughput_unit": unit_of(record.run), "devices_slowed": devices_slowed(entry),
                "samples_per_j": entry["energy"]["samples_per_j"],
            }  # fmt: skip
            yield [values.get(name) for name in RUN]


def rank_rows(reports: Sequence[Report]) -> Iterator[list[Any]]:
    """Yield the values of RANK's columns."""
    for report in reports:
        for record in report.records:
            for rank in record.ranks:
                named = {**rank, "communicate_s": rank["waiting_s"], "throughput_unit": unit_of(record.run)}
                yield [record.run["campaign"], record.run["run"], *(named[name] for name in list(RANK)[2:])]
