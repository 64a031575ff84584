"""The projected part of the report's document: the scaling of a series beyond its measured scales, under a key of its
own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from orchestrator.analysis.losses import Split
from orchestrator.analysis.projection import (
    Network,
    Observed,
    Projected,
    Workload,
    calibrate_communication,
    project_scales,
)
from orchestrator.analysis.projection_band import FARTHEST, project_band
from orchestrator.analysis.series import Series
from orchestrator.report.entries import CheckEntry, NetworkEntry, PointEntry, ProjectionEntry
from orchestrator.report.scales import series_entry, split_of
from orchestrator.store.entries import columns_of
from orchestrator.store.store import RunRecord

GRADIENT_BYTES = 4
"""Bytes of one parameter's gradient, which is averaged in float32."""
LATENCY_US = 10.0
GB_PER_S = 1.0
"""Bandwidth for profiles that state none. Calibration with measured scales corrects it."""
GRID = np.linspace(0, 1, 33)


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
    scales = sorted({int(record.run["ranks"]) for record in records})
    network, source = network_of(records[0], question)
    observed = [observed_at([record for record in records if record.run["ranks"] == ranks], ranks) for ranks in scales]
    rows = [record for record in records if record.run["ranks"] == scales[0]]
    plain = workload_of(rows, records, question)
    workload = calibrate_communication(plain, network, observed)
    per_node = network.ranks_per_node
    ranks = [count for count in question.ranks if count not in scales]
    assumed = source != stated_by(records[0])
    bands = project_band(plain, network, ranks, observed, assumed)
    farthest = FARTHEST * scales[-1] if assumed else max([*ranks, 0])
    projected = project_scales(workload, network, ranks, observed[0])
    return {
        **series_entry(series),
        "label": "projected",
        "measured_ranks": scales,
        "base_ranks": scales[0],
        "basis": {
            "own_s": workload.own_s,
            "gradient_bytes": workload.gradient_bytes,
            "overlap": workload.overlap,
            "communication_cost": workload.cost,
            "calibrated": any(ranks > 1 for ranks in scales),
            "cores": workload.cores,
            "network": network_entry(network, source),
        },
        "points": [
            point_entry(item, per_node, band, item.ranks > farthest)
            for item, band in zip(projected, bands, strict=True)
        ],
        "check": check_entries(plain, network, observed),
    }


def point_entry(item: Projected, per_node: int, band: tuple[float, float], assumed: bool) -> PointEntry:
    """Return one projected scale, with the efficiencies that are plausible. ``assumed``: too far for what is known."""
    return {
        "ranks": item.ranks,
        "nodes": -(-item.ranks // per_node),
        "efficiency": item.efficiency,
        "band": [min(band[0], item.efficiency), max(band[1], item.efficiency)],
        "assumed": assumed,
        "step_s": item.step_s,
        "simulation_error_s": item.error_s,
        "own_s": item.own_s,
        "straggling_s": item.straggling_s,
        "communication_s": item.communication_s,
    }


def check_entries(workload: Workload, network: Network, observed: Sequence[Observed]) -> list[CheckEntry]:
    """Return, with three scales or more, the prediction of each larger scale from the two smallest, beside its
    measurement.
    """
    if len(observed) < 3:
        return []
    fitted = calibrate_communication(workload, network, observed[:2])
    others = observed[2:]
    predicted = project_scales(fitted, network, [item.ranks for item in others], observed[0])
    return [
        {
            "ranks": item.ranks,
            "fitted_on": [scale.ranks for scale in observed[:2]],
            "measured": observed[0].step_s / item.step_s,
            "predicted": guess.efficiency,
            "error": guess.efficiency - observed[0].step_s / item.step_s,
        }
        for item, guess in zip(others, predicted, strict=True)
    ]


def observed_at(records: Sequence[RunRecord], ranks: int) -> Observed:
    """Return the medians over the repeats at a scale."""
    steps, waits = [], []
    for record in records:
        rate = record.run.get("throughput_warm") or record.run["throughput"]
        assert rate is not None, "only timed runs are of a series"
        step = batch_of(record) / rate
        steps.append(step)
        waits.append(step * communication_share(split_of(record)))
    return Observed(ranks, median(steps), median(waits))


def communication_share(split: Split | None) -> float:
    """Return the part of the steps' time that went into communication alone."""
    if split is None:
        return 0.0
    steps = split.compute + split.data + split.straggling + split.communication
    return split.communication / steps if steps > 0 else 0.0


def batch_of(record: RunRecord) -> float:
    """Return the samples of one step, all ranks together."""
    return float(record.result["training"]["global_batch"])


def workload_of(base: Sequence[RunRecord], records: Sequence[RunRecord], question: Question) -> Workload:
    """Return the workload: own times at the base, where ranks disturb each other least, and the spread between ranks at
    all scales.
    """
    found = [json.loads(record.run["step_times"] or "") for record in base]
    speeds: list[float] = []
    for record in records:
        table = record.table
        own = np.asarray(table.column("data_s") + table.column("compute_s"), np.float64)
        speeds += (own / np.median(own)).tolist()
    training = base[0].result["training"]
    spec = base[0].manifest.get("spec", {})
    return Workload(
        own_s=median(item["own_median_s"] for item in found),
        steps=np.median([item["own"] for item in found], axis=0).tolist(),
        ranks=np.quantile(speeds, GRID).tolist(),
        gradient_bytes=GRADIENT_BYTES * float(training.get("parameters", 0)),
        cores=question.cores or shared_cores(base[0]),
        threads=int(spec.get("threads_per_rank", 1)),
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


def network_of(record: RunRecord, question: Question) -> tuple[Network, str]:
    """Return the profile's interconnect, and the source of its numbers."""
    cluster = record.manifest["config"].get("cluster", {})
    profile = cluster.get("interconnect") or {}
    per_node = int(cluster.get("ranks_per_node") or 1)
    known = profile.get("gb_per_s_per_node")
    network = Network(
        latency_s=1e-6 * (profile.get("latency_us") or LATENCY_US),
        bandwidth=1e9 * (known or GB_PER_S),
        ranks_per_node=per_node,
        algorithm="hierarchical" if per_node > 1 else "ring",
    )
    if question.algorithm:
        network = replace(network, algorithm=question.algorithm)
    return network, stated_by(record) if known else "assumed; calibrated by what was measured"


def stated_by(record: RunRecord) -> str:
    """Return the source of a network that a profile states."""
    return f"profile of {record.run['cluster']}"
