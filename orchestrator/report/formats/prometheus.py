"""Gauges for the textfile collector of a node exporter, in the text format of Prometheus (version 0.0.4).

The campaign's name is no label: every week would begin new series, which no query could follow. If several campaigns
measured a series, the newest one gives its value; a gauge of its own tells when that campaign was planned. Samples have
no timestamps, since the collector refuses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.records import FINAL_STATES, items_of
from orchestrator.report.entries.series import SeriesEntry
from orchestrator.report.entries.values import values_of
from orchestrator.report.formats import Report

LABELS = ("benchmark", "method", "cluster", "run_mode", "mode", "comm", "recipe", "dataset", "nodes")

THROUGHPUT_GAUGES = {
    "throughput_{items}_per_second": "Median throughput of the repeats, {items} per second over all ranks.",
    "throughput_low_{items}_per_second": "Lower end of the 95 % interval of its geometric mean.",
    "throughput_high_{items}_per_second": "Upper end of the 95 % interval of its geometric mean.",
}
"""A gauge's name holds its unit: each kind of items that data sets count has gauges of its own."""

GAUGES = {
    "warm_epochs": "1: throughput and efficiency are of warm epochs; 0: of whole runs, as one of the series has none.",
    "repeats": "Completed repeats that the series is made from.",
    "repeats_failed": "Repeats that did not complete.",
    "quality": "Median quality of the repeats, in the unit of the metric.",
    "quality_target": "Quality that was aimed for.",
    "time_to_accuracy_seconds": "Mean time to the quality target without fastest and slowest repeat.",
    "time_to_accuracy_reached": "Repeats that reached the quality target.",
    "energy_to_accuracy_joules": "Median energy to the quality target, where the machine reports power.",
    "scaling_efficiency_ratio": "Throughput per node relative to that of the base.",
    "slow_host_excess_ratio": "How much slower by itself than the fleet a host was, in the runs in which it was slow.",
    "runs": "Runs of the newest campaign of the cluster, by state.",
    "planned_timestamp_seconds": "When the campaign that the series is from was planned, seconds since the epoch.",
}

Sample = tuple[str, dict[str, object], float | None]


def render(reports: Sequence[Report]) -> str:
    """Return all gauges that have a value."""
    gauges = gauges_of(reports)
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {name: {} for name in gauges}
    for report in reports:
        for name, labels, value in samples_of(report):
            if value is not None:
                found[name].setdefault(tuple((key, str(text)) for key, text in labels.items()), float(value))
    lines = []
    for name, help_text in gauges.items():
        if found[name]:
            lines += [f"# HELP orchestrator_{name} {help_text}", f"# TYPE orchestrator_{name} gauge"]
            lines += [f"orchestrator_{name}{{{label_text(labels)}}} {value!r}" for labels, value in found[name].items()]
    return "\n".join(lines) + "\n"


def gauges_of(reports: Sequence[Report]) -> dict[str, str]:
    """Return the help texts by gauge, those of the throughputs in each unit first."""
    units = sorted({entry["throughput"]["unit"] for report in reports for entry in report.document["scales"]})
    rates = {
        name.format(items=items_of(unit)): text.format(items=items_of(unit))
        for unit in units
        for name, text in THROUGHPUT_GAUGES.items()
    }
    return rates | GAUGES


def label_text(labels: Sequence[tuple[str, str]]) -> str:
    """Return the labels, with their values escaped."""
    escaped = ((key, text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")) for key, text in labels)
    return ",".join(f'{key}="{text}"' for key, text in escaped)


def labels_of(entry: SeriesEntry) -> dict[str, object]:
    """Return the labels of a series; ``mode`` is weak or strong, ``settings`` are those that the campaign
    swept over.
    """
    swept = ",".join(f"{key}={value}" for key, value in entry["settings"].items())
    labels = dict(zip(LABELS, values_of(entry, LABELS), strict=True))
    return {**labels, "settings": swept} if swept else labels


def samples_of(report: Report) -> Iterator[Sample]:
    """Yield the samples of one campaign."""
    document = report.document
    planned = min((record.run["created"] for record in report.records), default=None)
    for entry in document["scales"]:
        labels = labels_of(entry)
        rate, quality, time = entry["throughput"], entry["quality"], entry["time_to_accuracy"]
        low, high = rate["interval"] or (None, None)
        for name, value in zip(THROUGHPUT_GAUGES, (rate["median"], low, high), strict=True):
            yield name.format(items=items_of(rate["unit"])), labels, value
        yield "warm_epochs", labels, float(entry["epochs"] == "warm")
        yield "repeats", labels, entry["n"]
        yield "repeats_failed", labels, entry["failed"]
        yield "quality", {**labels, "metric": quality["metric"]}, quality["median"]
        yield "quality_target", {**labels, "metric": quality["metric"]}, quality["target"]
        yield "planned_timestamp_seconds", labels, planned
        if entry["run_mode"] == "training" and quality["target"] is not None:
            yield "time_to_accuracy_seconds", labels, time["olympic_mean_s"]
            yield "time_to_accuracy_reached", labels, time["reached"]
        energy = entry["energy_to_accuracy_j"]
        yield "energy_to_accuracy_joules", labels, energy["median"] if energy else None
    for point in document["scaling"]:
        labels = {**labels_of(point), "base_nodes": point["base_nodes"]}
        yield "scaling_efficiency_ratio", labels, point["efficiency"]
    for item in document["slow_hosts"]:
        yield "slow_host_excess_ratio", {"host": item["host"], "over": item["over"]}, item["excess"]
    for cluster in dict.fromkeys(run["cluster"] for run in document["runs"]):
        states = [run["state"] for run in document["runs"] if run["cluster"] == cluster]
        for state in sorted(FINAL_STATES | set(states)):
            yield "runs", {"cluster": cluster, "state": state}, states.count(state)
