"""The report's matrices, data sets × methods: entries of the document. grid.py makes texts of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

from orchestrator.analysis.matrix import Matrix, Mean, matrices_of, unique
from orchestrator.analysis.series import Series
from orchestrator.report.entries.matrix import MatrixDataset, MatrixEntry, MeanEntry, PublishedEntry
from orchestrator.store.store import RunRecord


class StatedQuality(TypedDict, total=False):
    """What a benchmark's configuration states of its quality metric."""

    metric: str
    higher_is_better: bool


@dataclass
class Stated:
    """What the configurations of a benchmark's runs state: the quality metric, which way other metrics are better, by
    name "higher" or "lower", and the values that others published.
    """

    quality: StatedQuality
    better: dict[str, str]
    published: list[PublishedEntry]


def matrix_entries(series: Sequence[Series], records: Sequence[RunRecord]) -> list[MatrixEntry]:
    """An entry for each matrix of trainings and inferences."""
    benchmarks = stated(records)
    higher = {name: better_of(benchmark) for name, benchmark in benchmarks.items()}
    chosen = [one for one in series if one.identity["mode"] != "probe"]
    return [
        entry_of(matrix, higher[matrix.conditions["benchmark"]], benchmarks[matrix.conditions["benchmark"]])
        for matrix in matrices_of(chosen, higher)
    ]


def stated(records: Sequence[RunRecord]) -> dict[str, Stated]:
    """What the runs' configurations state, by benchmark."""
    found: dict[str, Stated] = {}
    for record in records:
        config = record.manifest.get("config", {}).get("benchmark", {})
        entry = found.setdefault(record.run["benchmark"], Stated({}, {}, []))
        entry.quality |= cast(StatedQuality, config.get("quality") or {})
        entry.better |= config.get("better") or {}
        entry.published = unique([*entry.published, *(config.get("published") or [])])
    return found


def better_of(benchmark: Stated) -> dict[str, bool]:
    """Whether more is better, of the metrics of which that is stated; the quality metric first."""
    quality = benchmark.quality
    own = {quality["metric"]: bool(quality.get("higher_is_better", True))} if "metric" in quality else {}
    return own | {name: word == "higher" for name, word in benchmark.better.items()}


def entry_of(matrix: Matrix, higher: Mapping[str, bool], benchmark: Stated) -> MatrixEntry:
    """One matrix."""
    names = [dataset["name"] for dataset in matrix.datasets]
    published = [item for item in benchmark.published if item["dataset"] in names]
    conditions = matrix.conditions
    quality_metric = benchmark.quality.get("metric", matrix.metrics[0] if matrix.metrics else None)
    return {
        "benchmark": conditions["benchmark"],
        "cluster": conditions["cluster"],
        "comm": conditions["comm"],
        "recipe": conditions["recipe"],
        "scale": conditions["scale"],
        "run_mode": conditions["mode"],
        "settings": dict(matrix.settings),
        "nodes": matrix.nodes,
        "ranks": matrix.ranks,
        "datasets": [cast(MatrixDataset, dict(dataset)) for dataset in matrix.datasets],
        "methods": unique([*matrix.methods, *(item["method"] for item in published)]),
        "metrics": [
            {
                "name": name,
                "better": {True: "higher", False: "lower", None: None}[higher.get(name)],
                "target": matrix.target if name == quality_metric else None,
            }
            for name in matrix.metrics
        ],
        "cells": [
            {
                "row": cell.row,
                "dataset_name": matrix.datasets[cell.row]["name"],
                "method": cell.method,
                "n": cell.n,
                "failed": cell.failed,
                "metrics": {
                    name: {**mean_entry(found), "best": matrix.best.get((cell.row, name)) == cell.method}
                    for name, found in cell.metrics.items()
                },
                "throughput": {"unit": cell.unit, "warm": cell.warm, **mean_entry(cell.throughput)},
                "time_to_accuracy_s": mean_entry(cell.time_to_accuracy) if cell.time_to_accuracy else None,
                "reached": cell.reached,
                "target": cell.target,
                "energy_j": mean_entry(cell.energy) if cell.energy else None,
            }
            for cell in matrix.cells
        ],
        "published": published,
    }


def mean_entry(found: Mean) -> MeanEntry:
    """A mean with its spread, interval and n."""
    interval = list(found.interval) if found.interval else None
    return {"mean": found.mean, "deviation": found.deviation, "interval": interval, "n": found.n}
