"""The projected part of the report's document: the scaling of a series beyond its measured scales, under a key of its
own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analysis.epochs import Epochs
from orchestrator.analysis.projected_series import (
    Check,
    Point,
    SteppedRun,
    measure_workload,
    network_of,
    observe_scales,
    project_series,
)
from orchestrator.analysis.projection import Network
from orchestrator.analysis.series import Series
from orchestrator.analysis.stragglers import own_times
from orchestrator.report.entries.projection import CheckEntry, NetworkEntry, PointEntry, ProjectionEntry
from orchestrator.report.scales import series_entry, split_of
from orchestrator.store.entries import columns_of
from orchestrator.store.store import RunRecord


@dataclass(frozen=True)
class Question:
    """The rank counts to project to, the ``algorithm`` of the allreduce, and the ``cores`` that all ranks share, if
    they do.
    """

    ranks: Sequence[int]
    algorithm: str | None = None
    cores: int | None = None


def projection_entries(
    series: Sequence[Series], records: Sequence[RunRecord], question: Question
) -> list[ProjectionEntry]:
    """Return a projection of every weak series of training runs with a recorded distribution of steps."""
    entries: list[ProjectionEntry] = []
    for item in series:
        if item.scaling_mode == "weak" and item.identity["mode"] == "training":
            members = [record for record in records if belongs_to_series(record, item)]
            if members:
                entries.append(projection_entry(item, members, question))
    return entries


def belongs_to_series(record: RunRecord, series: Series) -> bool:
    """Whether a run is of that series, and was collected with the distribution of its steps."""
    run = record.run
    same = list(map(str, columns_of(run, series.identity))) == list(series.identity.values())
    data = run.get("dataset_checksum") == series.dataset["checksum"]
    settings = all(lookup(record.manifest["config"], key) == value for key, value in series.settings.items())
    return bool(same and data and settings and run["state"] == "completed" and run.get("step_times"))


def lookup(config: Mapping[str, object], key: str) -> object:
    """Return the value at a dotted key, None if there is none."""
    node: object = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def projection_entry(series: Series, records: Sequence[RunRecord], question: Question) -> ProjectionEntry:
    """Return the projected points, their basis, and the error of the same method at measured scales."""
    # Some may be of other work than the series' own, and have no warm epoch.
    epochs: Epochs = "warm" if all(record.run.get("throughput_warm") for record in records) else "all"
    runs = [stepped_run(record, epochs) for record in records]
    base = min(records, key=lambda record: record.run["ranks"])
    workload = measure_workload(
        runs,
        parameters=float(base.result["training"].get("parameters", 0)),
        cores=question.cores or shared_cores(base),
        threads=int(base.manifest.get("spec", {}).get("threads_per_rank", 1)),
    )
    network, source = network_and_source(records[0], question)
    found = project_series(workload, network, observe_scales(runs), question.ranks, source is not None)
    return {
        **series_entry(series),
        "epochs": epochs,
        "label": "projected",
        "measured_ranks": [scale.ranks for scale in found.observed],
        "base_ranks": found.observed[0].ranks,
        "basis": {
            "own_s": found.workload.own_s,
            "gradient_bytes": found.workload.gradient_bytes,
            "overlap": found.workload.overlap,
            "communication_cost": found.workload.cost,
            "calibrated": found.calibrated,
            "cores": found.workload.cores,
            "network": network_entry(network, source or "assumed; calibrated by what was measured"),
        },
        "points": [point_entry(point) for point in found.points],
        "check": [check_entry(check) for check in found.checks],
    }


def point_entry(point: Point) -> PointEntry:
    """Return one projected scale, with the efficiencies that are plausible."""
    item = point.projected
    return {
        "ranks": item.ranks,
        "nodes": point.nodes,
        "efficiency": item.efficiency,
        "band": list(point.band),
        "assumed": point.assumed,
        "step_s": item.step_s,
        "simulation_error_s": item.error_s,
        "own_s": item.own_s,
        "straggling_s": item.straggling_s,
        "communication_s": item.communication_s,
    }


def check_entry(check: Check) -> CheckEntry:
    """Return a measured scale as smaller ones predict it."""
    return {
        "ranks": check.ranks,
        "fitted_on": check.fitted_on,
        "measured": check.measured,
        "predicted": check.predicted,
        "error": check.error,
    }


def stepped_run(record: RunRecord, epochs: Epochs) -> SteppedRun:
    """Return a run with the times of its steps over those epochs."""
    run, table = record.run, record.table
    rate = run["throughput_warm" if epochs == "warm" else "throughput"]
    assert rate is not None, "only timed runs are of a series"
    return SteppedRun(
        ranks=int(run["ranks"]),
        global_batch=float(record.result["training"]["global_batch"]),
        rate=rate,
        split=split_of(record),
        own_s=own_times(table.column("data_s"), table.column("compute_s")),
        distribution=json.loads(run["step_times"] or ""),
    )


def shared_cores(record: RunRecord) -> int | None:
    """Return the cores that all "nodes" of a profile with ``one_machine`` share; None if nodes have cores of
    their own.
    """
    if not record.manifest["config"].get("cluster", {}).get("one_machine"):
        return None
    world = record.result.get("world", {})
    if world.get("usable_cores"):
        return int(world["usable_cores"])
    # Before that was recorded: the cores that any rank was bound to.
    cores = world.get("cores", [])
    return len({core for text in cores for core in str(text).split(",")}) or None


def network_entry(network: Network, source: str) -> NetworkEntry:
    """Return the network, and the source of its numbers."""
    return {
        "latency_s": network.latency_s,
        "bandwidth": network.bandwidth,
        "ranks_per_node": network.ranks_per_node,
        "inner_latency_s": network.inner_latency_s,
        "inner_bandwidth": network.inner_bandwidth,
        "algorithm": network.algorithm,
        "source": source,
    }


def network_and_source(record: RunRecord, question: Question) -> tuple[Network, str | None]:
    """Return the profile's interconnect, and the source of its numbers; None where the profile states no bandwidth."""
    cluster = record.manifest["config"].get("cluster", {})
    stated = cluster.get("interconnect") or {}
    bandwidth = stated.get("gb_per_s_per_node")
    per_node = int(cluster.get("ranks_per_node") or 1)
    network = network_of(stated.get("latency_us"), bandwidth, per_node, question.algorithm)
    return network, f"profile of {record.run['cluster']}" if bandwidth else None
