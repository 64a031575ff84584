"""The report of a campaign as one JSON document, ``orchestrator.report/1``, from which every format is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from orchestrator.analysis.ceiling import Peaks, compare_with_peaks, count_devices, energy_rates, operations_by_size
from orchestrator.analysis.losses import step_shares
from orchestrator.analysis.series import group_into_series
from orchestrator.campaign.attempts import Attempt, lost
from orchestrator.records import PHASES, CollectedResult, unit_of
from orchestrator.report.entries.document import ReportDocument
from orchestrator.report.entries.runs import AchievedEntry, BySizeEntry, EnergyEntry, RankTimes, RunEntry
from orchestrator.report.matrix import matrix_entries
from orchestrator.report.placement import recorded_placement
from orchestrator.report.recipes import recipe_entries
from orchestrator.report.scales import law_entries, measured_run, scale_entries, scaling_entries, split_entry, split_of
from orchestrator.report.slow import rank_spread_entries, slow_host_entries, straggler_entries
from orchestrator.store.entries import HostHistoryRow, RankRow, RunRow, StoredManifest, columns_of
from orchestrator.store.store import RunRecord

if TYPE_CHECKING:
    from orchestrator.report.projections import Question

SCHEMA: Final = "orchestrator.report/1"
SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


def report_document(
    campaign: str,
    records: Sequence[RunRecord],
    fleet: Sequence[HostHistoryRow] = (),
    question: Question | None = None,
) -> ReportDocument:
    """Return the document of a campaign's stored runs.

    ``fleet`` are rows of Store.host_history over the preceding weeks; with them, hosts that were slow throughout are
    named. ``question`` asks for a projection beyond the measured scales.
    """
    ordered = sorted(records, key=sort_key)
    runs = [run_entry(record) for record in ordered]
    series = group_into_series(measured_run(record) for record in ordered)
    document: ReportDocument = {
        "schema": SCHEMA,
        "campaign": campaign,
        "planned": max([len(records), *(record.manifest.get("planned") or 0 for record in records)]),
        "runs": runs,
        "comparison": recipe_entries(runs),
        "matrix": matrix_entries(series, ordered),
        "scales": [entry for item in series for entry in scale_entries(item)],
        "scaling": [entry for item in series for entry in scaling_entries(item)],
        "laws": [entry for item in series for entry in law_entries(item)],
        "stragglers": [entry for record in ordered for entry in straggler_entries(record)],
        "rank_spread": [entry for record in ordered for entry in rank_spread_entries(record)],
        "slow_hosts": slow_host_entries(ordered, fleet),
    }
    if question:
        from orchestrator.report.projections import projection_entries

        document["projection"] = projection_entries(series, ordered, question)
    return document


def sort_key(record: RunRecord) -> tuple[Any, ...]:
    """Return the sort key of a run, independent of the order in which runs were started."""
    run = record.run
    names = ("benchmark", "dataset_name", "method", "recipe", "comm", "nodes", "repeat", "run", "created")
    return columns_of(run, names)


def run_entry(record: RunRecord) -> RunEntry:
    """Return one run."""
    run = record.run
    result = record.result
    manifest = record.manifest
    phases = {row["name"]: row["seconds"] for row in record.phases}
    history: list[Attempt] = manifest.get("history", [])
    return {
        "run": run["run"],
        "benchmark": run["benchmark"],
        "method": run["method"],
        "cluster": run["cluster"],
        "comm": run["comm"],
        "mode": run["mode"],
        "recipe": run["recipe"],
        "scale": run["scale"],
        "nodes": run["nodes"],
        "ranks": run["ranks"],
        "threads_per_rank": run.get("threads_per_rank"),
        "repeat": run["repeat"],
        "seed": run["seed"],
        "order": manifest.get("order"),
        "state": run["state"],
        "attempts": run["attempts"],
        "attempt_history": history,
        "lost_s": lost(history),
        "cause": run["cause"],
        "stopped": run.get("stopped"),
        "dataset": {
            "name": run.get("dataset_name"),
            "source": run.get("dataset_source"),
            "split": run.get("dataset_split"),
            "version": run.get("dataset_version"),
            "checksum": run.get("dataset_checksum"),
        },
        "throughput": {
            "unit": unit_of(run),
            "run": run.get("throughput"),
            "cold": run.get("throughput_cold"),
            "warm": run.get("throughput_warm"),
            "per_rank": [rank["throughput"] for rank in record.ranks],
        },
        "hosts": [rank["host"] for rank in record.ranks],
        "time_per_rank_s": [rank_times(rank) for rank in record.ranks],
        "step_shares": step_shares(seconds) if (seconds := record.table.step_seconds()) else {},
        "quality": {
            "metric": run.get("metric"),
            "value": run.get("quality"),
            "target": run.get("target"),
            "basis": result.get("quality", {}).get("basis"),
            "reached": result.get("quality", {}).get("reached"),
            "all": result.get("quality", {}).get("all", {}),
        },
        "evaluations": [
            {"seconds": row["seconds"], "epoch": row["epoch"], "value": row["value"]} for row in record.evaluations
        ],
        "time_to_accuracy_s": run.get("time_to_accuracy_s"),
        "energy": energy_entry(run, result),
        "split_s": split_entry(split_of(record)),
        "phases_s": {name: phases[name] for name in (*PHASES, *phases) if name in phases},
        "training": result.get("training", {}),
        "achieved": achieved_entry(record, manifest, result),
        "by_size": by_size_entry(record, manifest, result),
        "inference": result.get("inference"),
        "pictures": [f"attempt-{run['attempts']}/{name}" for name in result.get("pictures", [])],
        "processors": result.get("world", {}).get("processors", []),
        "placement": recorded_placement(result["world"], [rank["node"] for rank in record.ranks])
        if "world" in result
        else None,
        "promise": result.get("world", {}).get("promise", []),
        "warnings": result.get("warnings", []),
        "directory": run["directory"],
        "config_hash": run["config_hash"],
    }


def rank_times(rank: RankRow) -> RankTimes:
    """Return the parts of one rank's time, from its row in the store."""
    return {
        "total": rank["total_s"],
        "data": rank["data_s"],
        "compute": rank["compute_s"],
        "waiting": rank["waiting_s"],
        "communicate": rank["waiting_s"],
    }


def achieved_entry(record: RunRecord, manifest: StoredManifest, result: CollectedResult) -> AchievedEntry | None:
    """Return arithmetic and memory traffic of each device, with the profile's peaks; null if they were not counted."""
    training, rate = result.get("training", {}), record.run.get("throughput_warm") or record.run.get("throughput")
    work = training.get("step_work")
    if not work or not rate or not len(record.ranks):
        return None
    count, stated = devices_of(record, manifest)
    # Operators that a compiler or our kernels made one of read and write less than was counted.
    fused = bool(training.get("compile")) or training.get("kernels") == "own"
    found = compare_with_peaks(work, rate, count, stated, fused)
    return {
        "devices": found.devices,
        "flop_per_s": found.flop_per_s,
        "bytes_per_s": found.bytes_per_s,
        "of_bf16_peak": found.of_bf16_peak,
        "of_memory_bandwidth": found.of_memory_bandwidth,
        "accelerator": stated.get("model") or None,
    }


def by_size_entry(record: RunRecord, manifest: StoredManifest, result: CollectedResult) -> BySizeEntry | None:
    """Return the operations of each device by the size of its model; null where a task does not say that size."""
    parameters = result.get("training", {}).get("computing")
    rate = record.run.get("throughput_warm") or record.run.get("throughput")
    if not parameters or not rate or not len(record.ranks):
        return None
    count, stated = devices_of(record, manifest)
    operations, fraction = operations_by_size(parameters, rate, count, stated.get("peak_bf16_tflops"))
    return {"parameters": parameters, "flop_per_s": operations, "of_bf16_peak": fraction}


def devices_of(record: RunRecord, manifest: StoredManifest) -> tuple[int, Peaks]:
    """Return how many devices the ranks have, and the peaks that are stated of one; none of processors."""
    count, accelerated = count_devices((rank["host"], rank["device"]) for rank in record.ranks)
    stated = manifest.get("config", {}).get("cluster", {}).get("accelerator", {}) if accelerated else {}
    return count, cast(Peaks, stated)


NO_ENERGY: EnergyEntry = {
    "j": None,
    "to_accuracy_j": None,
    "mean_w": None,
    "samples_per_j": None,
    "source": None,
    "scope": None,
    "others": None,
    "reason": "measured by a version that did not ask for power",
    "meters": [],
    "slowed": [],
    "nodes": [],
    "account": None,
}


def energy_entry(run: RunRow, result: CollectedResult) -> EnergyEntry:
    """Return the energy that the nodes' meters counted while training, J; null with a reason if they do not report.

    Of a run of several attempts it is the last one's, and so are the samples that a joule bought: null where the result
    does not tell these from the others.
    """
    found, joules = result.get("energy"), run.get("energy_j")
    if not found:
        return {
            **NO_ENERGY,
            "j": joules,
            "to_accuracy_j": run.get("energy_to_accuracy_j"),
            "account": result.get("account"),
        }
    training = result.get("training", {})
    samples = training.get("measured_samples", training.get("samples") if run["attempts"] <= 1 else None)
    rates = energy_rates(joules, found["seconds"], samples)
    return {
        "j": joules,
        "to_accuracy_j": run.get("energy_to_accuracy_j"),
        "mean_w": rates.mean_w,
        "samples_per_j": rates.samples_per_j,
        "source": found["source"],
        "scope": found.get("scope"),
        "others": found.get("others"),
        "reason": None if joules is not None else found["reason"],
        "meters": found.get("meters", []),
        "slowed": found.get("slowed", []),
        "nodes": found["nodes"],
        "account": result.get("account"),
    }
