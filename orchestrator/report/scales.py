"""The parts of the report's document that summarise many runs: scales, efficiencies, laws."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.analysis.intervals import Summary
from orchestrator.analysis.losses import Split, samples_per_rank, split_time
from orchestrator.analysis.series import Measured, Scale, Series, flatten_keys
from orchestrator.plan import science_of
from orchestrator.report.entries.series import LawEntry, ScaleEntry, ScalingEntry, SeriesEntry
from orchestrator.report.entries.values import SplitEntry, Spread
from orchestrator.store.store import RunRecord


def split_of(record: RunRecord) -> Split | None:
    """Return the parts of a run's time, means over its ranks, s; None if no step was measured."""
    if not len(record.ranks) or not record.run.get("throughput"):
        return None
    seconds = record.table.step_seconds()
    if seconds is None:
        return None
    phases = {row["name"]: row["seconds"] for row in record.phases}
    return split_time(
        seconds["total"],
        seconds["data"],
        seconds["compute"],
        seconds["waiting"],
        phases.get("evaluate", 0.0),
        phases.get("checkpoint", 0.0),
        record.run.get("critical_s"),
    )


def measured_run(record: RunRecord) -> Measured:
    """Return a run with the values that its series needs."""
    run = record.run
    settings = flatten_keys(science_of(record.manifest["config"]))
    parts = split_of(record)
    table = record.table
    samples = 0.0 if parts is None else samples_per_rank(table.column("throughput"), table.column("total_s"))
    metrics = {
        name: value for name, value in record.result.get("quality", {}).get("all", {}).items() if value is not None
    }
    return Measured(run, settings, run["state"] == "completed", parts, samples, metrics)


def split_entry(split: Split | None) -> SplitEntry | None:
    """Return the parts of a run's time, s."""
    if split is None:
        return None
    return {
        "compute": split.compute,
        "data": split.data,
        "straggling": split.straggling,
        "communication": split.communication,
        "evaluation": split.evaluation,
        "other": split.other,
    }


def series_entry(series: Series) -> SeriesEntry:
    """Return the keys that the entries of a series share."""
    identity = series.identity
    return {
        "benchmark": identity["benchmark"],
        "cluster": identity["cluster"],
        "dataset": f"{series.dataset['name']}, {series.dataset['source']}",
        "dataset_name": identity["dataset_name"],
        "method": identity["method"],
        "mode": series.scaling_mode,
        "comm": identity["comm"],
        "recipe": identity["recipe"],
        "run_mode": identity["mode"],
        "epochs": series.epochs,
        "settings": dict(series.settings),
    }


def spread_entry(summary: Summary | None) -> Spread | None:
    """Return a summary as the document has it."""
    if summary is None:
        return None
    interval = list(summary.interval) if summary.interval else None
    return {"median": summary.median, "mean": summary.mean, "interval": interval, "n": summary.n}


def scale_entries(series: Series) -> list[ScaleEntry]:
    """Return one entry for each scale: the results of its repeats."""
    return [scale_entry(series, item) for item in series.scales]


def scale_entry(series: Series, scale: Scale) -> ScaleEntry:
    """Return the numbers of one scale."""
    reached = scale.time_to_accuracy
    return {
        **series_entry(series),
        "scale": series.identity["scale"],
        "nodes": scale.nodes,
        "ranks": scale.ranks,
        "n": scale.n,
        "failed": scale.failed,
        "cancelled": scale.cancelled,
        "throughput": {
            "unit": series.unit,
            "median": scale.rate.median,
            "mean": scale.rate.mean,
            "interval": list(scale.rate.interval) if scale.rate.interval else None,
            "basis": scale.rate.basis,
            "n": scale.rate.n,
            "cold": spread_entry(scale.cold),
            "warm": spread_entry(scale.warm),
            "variation": scale.variation,
        },
        "quality": {"metric": series.metric, "median": scale.quality, "target": series.target},
        "time_to_accuracy": {
            "olympic_mean_s": reached.mean,
            "median_s": scale.median_time_to_accuracy,
            "reached": reached.reached,
            "n": reached.n,
        },
        "energy_j": spread_entry(scale.energy),
        "energy_to_accuracy_j": spread_entry(scale.energy_to_accuracy),
        "split_s": split_entry(scale.split),
        "shares": scale.split.shares() if scale.split else None,
    }


def scaling_entries(series: Series) -> list[ScalingEntry]:
    """Return the efficiencies and the causes of their losses."""
    ranks = {scale.nodes: scale.ranks for scale in series.scales}
    return [
        {
            **series_entry(series),
            "nodes": item.nodes,
            "ranks": ranks[item.nodes],
            "efficiency": item.efficiency,
            "interval": list(item.interval) if item.interval else None,
            "basis": item.basis,
            "n": item.n,
            "base_nodes": item.base_nodes,
            "serial_fraction": series.serial.get(item.nodes),
            "lost": dict(series.lost[item.nodes]) if item.nodes in series.lost else None,
        }
        for item in series.efficiencies
    ]


def law_entries(series: Series) -> list[LawEntry]:
    """Return the laws fitted to a series, with their residuals."""
    nodes = [scale.nodes for scale in series.scales]
    return [
        {
            **series_entry(series),
            "law": fit.law,
            "parameters": fit.parameters,
            "intervals": {name: list(ends) for name, ends in fit.intervals.items()},
            "base_throughput": fit.base_throughput,
            "base_nodes": fit.base_nodes,
            "residuals": text_keys(fit.residuals),
            "rms": fit.rms,
            "peak_nodes": fit.peak_nodes,
            "efficiency": text_keys({count: fit.efficiency(count) for count in nodes}),
        }
        for fit in series.fits
    ]


def text_keys(values: Mapping[int, float]) -> dict[str, float]:
    """Return the values by text keys, as JSON requires."""
    return {str(key): value for key, value in values.items()}
