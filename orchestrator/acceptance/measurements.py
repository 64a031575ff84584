"""The measurements of each run of a record, read from the run's folder alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.epochs import common_epochs
from orchestrator.campaign.attempts import stood_still_seconds
from orchestrator.campaign.collect import collect_run
from orchestrator.campaign.state import RunStatus
from orchestrator.launch.manifests import read_manifest
from orchestrator.records import NodeInventory, QualityResult, RecordError, RunDirectory, State, unit_of
from orchestrator.records.checking import PlainName
from orchestrator.records.settings import Settings
from orchestrator.telemetry.file import DAMAGE, read_group

Floats = npt.NDArray[np.floating]
LOST = ("lost", "node-failed")
"""Run states that are the machine's fault."""


@dataclass(frozen=True)
class Entry:
    """A run in a record's index: the phase and workload that it served, and how the scheduler saw it end."""

    workload: str
    phase: str
    campaign: PlainName
    run: PlainName
    state: State
    cause: str | None

    @property
    def folder(self) -> str:
        """The run's folder, relative to the record."""
        return f"runs/{self.campaign}/{self.run}"


@dataclass(frozen=True)
class Measurement:
    """What one run measured.

    ``throughput`` is that of the whole run, ``throughput_warm`` that of its warm epochs where there are any, both in
    ``throughput_unit``; ``of_the_same_epochs`` makes runs comparable in it. ``own_s`` is each rank's data and compute
    time, s. ``probe`` maps names to a probe's arrays, ranks first; it is None for other runs, and for a probe whose
    ranks stood still meanwhile.
    """

    entry: Entry
    nodes: int
    ranks_per_node: int
    threads_per_rank: int
    state: str
    cause: str | None
    mode: str
    created: float
    ended: float | None
    throughput: float | None
    throughput_warm: float | None
    throughput_unit: str
    time_to_accuracy: float | None
    quality: QualityResult | None
    stopped: str | None
    hosts: Sequence[str]
    own_s: Sequence[float]
    source: str | None
    settings: Settings
    probe: Mapping[str, Floats] | None
    inventory: Mapping[str, NodeInventory]

    @property
    def completed(self) -> bool:
        """Whether the run reached its end and its telemetry is whole."""
        return self.state == "completed"

    @property
    def timed(self) -> bool:
        """Whether the run has times at all: those of a run that stood still meanwhile are withheld."""
        return self.throughput is not None or self.time_to_accuracy is not None

    @property
    def node_hosts(self) -> list[str]:
        """The host of each node, by node number."""
        return list(self.hosts[:: self.ranks_per_node])


def read_measurement(record: Path, entry: Entry, folder: Path | None = None) -> Measurement:
    """Read one run from ``folder``, or from its place in the record.

    A run whose files are missing or damaged counts as failed, with the reason as its cause.
    """
    directory = RunDirectory(folder or record / entry.folder)
    manifest = read_manifest(directory)
    found = collect_run(directory, manifest, RunStatus(entry.run, entry.state, entry.cause))
    run, state, cause = found.run, found.run["state"], found.run["cause"]
    table, result = found.table, found.result or None
    if state == "completed" and not result:
        state, cause = "failed", f"{entry.folder} has no result.json"
    probe = None
    if state == "completed" and manifest.spec.mode == "probe" and not stood_still_seconds(directory, found.result):
        path = directory.attempt(manifest.attempts).telemetry
        try:
            probe = read_group(path, "probe")
        except DAMAGE as error:
            state, cause = "failed", f"{path} cannot be read: {error}"
    return Measurement(
        entry=entry,
        nodes=manifest.spec.nodes,
        ranks_per_node=manifest.spec.ranks_per_node,
        threads_per_rank=manifest.spec.threads_per_rank,
        state=state,
        cause=cause,
        mode=manifest.spec.mode,
        created=manifest.created,
        ended=run.get("ended"),
        throughput=run.get("throughput"),
        throughput_warm=run.get("throughput_warm"),
        throughput_unit=unit_of(run),
        time_to_accuracy=run.get("time_to_accuracy_s"),
        quality=result["quality"] if result else None,
        stopped=result["stopped"] if result else None,
        hosts=[str(rank["host"]) for rank in found.ranks],
        own_s=(table.column("data_s").astype(float) + table.column("compute_s")).tolist(),
        source=run.get("dataset_source"),
        settings=manifest.spec.settings,
        probe=probe,
        inventory=result["probe"]["inventory"] if result and "probe" in result else {},
    )


def read_measurements(record: Path, entries: Sequence[Entry]) -> list[Measurement]:
    """Read all runs of a record in the order of their making. Raises RecordError if a manifest is missing."""
    return [read_measurement(record, entry) for entry in entries]


def of_the_same_epochs(runs: Sequence[Measurement]) -> list[Measurement]:
    """Return runs that are compared with each other, each with the throughput of its warm epochs if all that completed
    and were timed have one, and otherwise with that of the whole run: a rate of warm epochs is not to be compared with
    one that contains the first epoch.
    """
    if common_epochs(run.throughput_warm for run in runs if run.completed and run.throughput) == "warm":
        return [replace(run, throughput=run.throughput_warm) if run.throughput else run for run in runs]
    return list(runs)


__all__ = ["LOST", "Entry", "Measurement", "RecordError", "of_the_same_epochs", "read_measurement", "read_measurements"]
