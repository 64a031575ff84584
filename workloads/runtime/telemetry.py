"""What a rank measures of itself, in arrays made beforehand, and the one file that all ranks' measurements end in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from orchestrator.records import STEP_TIMES
from workloads.runtime.communicators.base import Communicator

clock = time.perf_counter

CHUNK_BYTES = 2**20


class Telemetry:
    """Step times, evaluations and phases of one rank."""

    def __init__(self, capacity: int) -> None:
        self.steps = 0
        self.times = {name: np.zeros(capacity, np.float32) for name in STEP_TIMES}
        self.epoch = np.zeros(capacity, np.int32)
        self.samples = np.zeros(capacity, np.int32)
        self.evaluations: list[tuple[float, int, float]] = []
        self.further: dict[str, npt.NDArray[np.floating]] = {}
        """What a mode measures beyond that, (…,) by its name in the file, of one shape on every rank."""
        self.phases: list[tuple[str, float, float]] = []
        self.open_phase: tuple[str, float] | None = None

    def step(self, total: float, data: float, communicate: float, epoch: int, samples: int) -> None:
        """Record a step, times in seconds; what is neither data nor communication is compute."""
        index = self.steps
        self.times["total"][index] = total
        self.times["data"][index] = data
        self.times["compute"][index] = total - data - communicate
        self.times["communicate"][index] = communicate
        self.epoch[index] = epoch
        self.samples[index] = samples
        self.steps = index + 1

    def enter(self, phase: str) -> None:
        """A phase begins and the one before it ends."""
        moment = time.time()
        self.leave(moment)
        self.open_phase = (phase, moment)

    def leave(self, moment: float | None = None) -> None:
        """The current phase ends."""
        if self.open_phase is not None:
            name, start = self.open_phase
            self.phases.append((name, start, time.time() if moment is None else moment))
        self.open_phase = None

    def seconds_in(self, phase: str) -> float:
        """Seconds spent in all of the phase's intervals so far."""
        return sum(stop - start for name, start, stop in self.phases if name == phase)


def write_telemetry(path: Path, telemetry: Telemetry, rank: dict[str, Any], communicator: Communicator) -> None:
    """Gather all ranks' measurements and write them, on rank 0. Collective.

    ``rank`` describes the calling rank: host, node, local_rank, device.
    """
    steps = telemetry.steps
    times = {name: communicator.gather(values[:steps]) for name, values in telemetry.times.items()}
    epoch = communicator.gather(telemetry.epoch[:steps])
    samples = communicator.gather(telemetry.samples[:steps])
    starts = communicator.gather(np.array([start for _, start, _ in telemetry.phases], np.float64))
    stops = communicator.gather(np.array([stop for _, _, stop in telemetry.phases], np.float64))
    further = {name: communicator.gather(values.astype(np.float32)) for name, values in telemetry.further.items()}
    hosts = communicator.gather_text(str(rank["host"]))
    devices = communicator.gather_text(str(rank["device"]))
    places = communicator.gather(np.array([rank["node"], rank["local_rank"]], np.int32))
    if hosts is None or devices is None or places is None:
        return
    text = h5py.string_dtype()
    staged = path.with_name(f".{path.name}.partial")
    with h5py.File(staged, "w") as file:
        file.attrs["schema"] = "orchestrator.telemetry/1"
        file["rank/host"] = np.array(hosts, text)
        file["rank/device"] = np.array(devices, text)
        file["rank/node"] = places[:, 0]
        file["rank/local_rank"] = places[:, 1]
        for name, values in times.items():
            by_rank(file, f"step/{name}", values)
        by_rank(file, "step/epoch", epoch)
        by_rank(file, "step/samples", samples)
        for name, values in further.items():
            by_rank(file, name, values)
        columns = list(zip(*telemetry.evaluations, strict=True)) or [(), (), ()]
        file["evaluation/seconds"] = np.array(columns[0], np.float64)
        file["evaluation/epoch"] = np.array(columns[1], np.int32)
        file["evaluation/value"] = np.array(columns[2], np.float64)
        file["phase/name"] = np.array([name for name, _, _ in telemetry.phases], text)
        file["phase/start"] = starts
        file["phase/stop"] = stops
    staged.rename(path)


def by_rank(file: h5py.File, name: str, values: npt.NDArray[Any] | None) -> None:
    """Store (R, …) values in chunks of whole ranks of about a megabyte: HDF5 looks up each chunk by itself."""
    assert values is not None
    chunks = None
    if values.size:
        ranks = CHUNK_BYTES // (values.itemsize * values[0].size)
        chunks = (min(max(1, ranks), len(values)), *values.shape[1:])
    file.create_dataset(name, data=values, chunks=chunks)
