"""What a rank measures of itself, in arrays made beforehand, and the one file that all ranks' measurements end in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from orchestrator.records import STEP_TIMES, TELEMETRY_SCHEMA, step_dataset
from workloads.runtime.communicators.base import Communicator
from workloads.runtime.measurement.clocks import moment, refuse_impossible
from workloads.runtime.measurement.places import Place

CHUNK_BYTES = 2**20


class Telemetry:
    """Step times, evaluations and phases of one rank."""

    def __init__(self, capacity: int, unit: str = "samples") -> None:
        self.unit = unit
        """What the items are that steps count."""
        self.steps = 0
        self.first_step = 0
        """Steps that earlier attempts had done."""
        self.losses: dict[str, npt.NDArray[np.float32]] = {}
        """Each step's loss on this rank, the mean over its items: as "" in ``step/loss``, or as "/NAME" in
        ``step/loss/NAME``, where several players have one each."""
        self.times = {name: np.zeros(capacity, np.float32) for name in STEP_TIMES}
        self.epoch = np.zeros(capacity, np.int32)
        self.items = np.zeros(capacity, np.int32)
        self.evaluations: list[tuple[float, int, float]] = []
        self.further: dict[str, npt.NDArray[np.floating]] = {}
        """What a mode measures beyond that, (…,) by its name in the file, of one shape on every rank."""
        self.phases: list[tuple[str, float, float]] = []
        self.open_phase: tuple[str, float] | None = None

    def step(self, total: float, data: float, waiting: float, epoch: int, items: int) -> None:
        """Record a step, times in seconds; what is neither data nor waiting is compute.

        Raises ImpossibleDurationError.
        """
        index = self.steps
        self.times["total"][index] = refuse_impossible(total)
        self.times["data"][index] = refuse_impossible(data)
        self.times["compute"][index] = refuse_impossible(total - data - waiting)
        self.times["waiting"][index] = refuse_impossible(waiting)
        self.epoch[index] = epoch
        self.items[index] = items
        self.steps = index + 1

    def enter(self, phase: str) -> None:
        """A phase begins and the one before it ends."""
        begun = moment()
        self.leave(begun)
        self.open_phase = (phase, begun)

    def leave(self, ended: float | None = None) -> None:
        """The current phase ends."""
        if self.open_phase is not None:
            self.add_phase(*self.open_phase, moment() if ended is None else ended)
        self.open_phase = None

    def add_phase(self, name: str, start: float, stop: float) -> None:
        """Record a phase by its moments. Raises ImpossibleDurationError."""
        refuse_impossible(stop - start)
        self.phases.append((name, start, stop))

    def seconds_in(self, phase: str) -> float:
        """Seconds spent in all of the phase's intervals so far."""
        return sum(stop - start for name, start, stop in self.phases if name == phase)


class TelemetryFile:
    """The file of one attempt, which rank 0 writes, laid out as ``records.DATASETS`` says. It may be written several
    times, each time whole, by rename. ``place`` is the calling rank's.
    """

    def __init__(self, path: Path, place: Place, communicator: Communicator) -> None:
        self.path = path
        self.place = place
        self.communicator = communicator
        self.gathered = 0
        self.blocks: dict[str, list[npt.NDArray[Any]]] = {}

    def write(self, telemetry: Telemetry) -> None:
        """Gather what all ranks measured since the last time, and write the whole. Collective."""
        new = slice(self.gathered, telemetry.steps)
        self.gathered = telemetry.steps
        arrays: dict[str, npt.NDArray[Any]] = {
            step_dataset(part): values[new] for part, values in telemetry.times.items()
        }
        arrays |= {"step/epoch": telemetry.epoch[new], "step/samples": telemetry.items[new]}
        arrays |= {f"step/loss{name}": values[new] for name, values in telemetry.losses.items()}
        for name, values in arrays.items():
            block = self.communicator.gather(values)
            if block is not None:
                self.blocks.setdefault(name, []).append(block)
        gather = self.communicator.gather
        starts = gather(np.array([start for _, start, _ in telemetry.phases], np.float64))
        stops = gather(np.array([stop for _, _, stop in telemetry.phases], np.float64))
        further = {name: gather(values.astype(np.float32)) for name, values in telemetry.further.items()}
        hosts = self.communicator.gather_text(self.place.host)
        devices = self.communicator.gather_text(self.place.device)
        places = gather(np.array([self.place.node, self.place.local_rank], np.int32))
        if hosts is None or devices is None or places is None:
            return
        text = h5py.string_dtype()
        staged = self.path.with_name(f".{self.path.name}.partial")
        with h5py.File(staged, "w", locking=False) as file:
            file.attrs["schema"] = TELEMETRY_SCHEMA
            # What step/samples counts: a benchmark's data set may count tokens or points.
            file.attrs["unit"] = telemetry.unit
            file.attrs["first_step"] = telemetry.first_step
            file["rank/host"] = np.array(hosts, text)
            file["rank/device"] = np.array(devices, text)
            file["rank/node"] = places[:, 0]
            file["rank/local_rank"] = places[:, 1]
            for name, blocks in self.blocks.items():
                by_rank(file, name, np.concatenate(blocks, axis=1))
            for name, measures in further.items():
                by_rank(file, name, measures)
            columns = list(zip(*telemetry.evaluations, strict=True)) or [(), (), ()]
            file["evaluation/seconds"] = np.array(columns[0], np.float64)
            file["evaluation/epoch"] = np.array(columns[1], np.int32)
            file["evaluation/value"] = np.array(columns[2], np.float64)
            file["phase/name"] = np.array([name for name, _, _ in telemetry.phases], text)
            file["phase/start"] = starts
            file["phase/stop"] = stops
        staged.rename(self.path)


def by_rank(file: h5py.File, name: str, values: npt.NDArray[Any] | None) -> None:
    """Store (R, …) values in chunks of whole ranks of about a megabyte: HDF5 looks up each chunk by itself."""
    assert values is not None
    chunks = None
    if values.size:
        ranks = CHUNK_BYTES // (values.itemsize * values[0].size)
        chunks = (min(max(1, ranks), len(values)), *values.shape[1:])
    file.create_dataset(name, data=values, chunks=chunks)
