"""Reports as two tables, a row a run and a row a rank: what CSV and Parquet hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.report.formats import Report

RUN = {
    "campaign": str, "run": str, "benchmark": str, "cluster": str, "comm": str, "mode": str, "recipe": str,
    "scale": str, "nodes": int, "ranks": int, "repeat": int, "seed": int, "state": str, "attempts": int, "cause": str,
    "created": float, "ended": float, "stopped": str, "dataset_name": str, "dataset_source": str, "dataset_split": str,
    "dataset_version": str, "dataset_checksum": str, "throughput": float, "throughput_cold": float,
    "throughput_warm": float, "metric": str, "quality": float, "target": float, "time_to_accuracy_s": float,
    "config_hash": str, "git_commit": str, "git_dirty": bool, "directory": str,
}  # fmt: skip
"""Columns of a run with their types: times in seconds (``created`` and ``ended`` since the epoch), throughput in
samples/s."""

RANK = {
    "campaign": str, "run": str, "rank": int, "host": str, "node": int, "local_rank": int, "device": str,
    "throughput": float, "total_s": float, "data_s": float, "compute_s": float, "communicate_s": float,
}  # fmt: skip
"""Columns of a rank: throughput in samples/s, the times summed over its steps."""


def run_rows(reports: Sequence[Report]) -> Iterator[list[Any]]:
    """Values of RUN's columns."""
    for report in reports:
        for record in report.records:
            yield [record.run.get(name) for name in RUN]


def rank_rows(reports: Sequence[Report]) -> Iterator[list[Any]]:
    """Values of RANK's columns."""
    for report in reports:
        for record in report.records:
            for rank in record.ranks:
                yield [record.run["campaign"], record.run["run"], *(rank[name] for name in list(RANK)[2:])]
