"""Energy of a run, from the meters that its nodes have: accelerators by NVML, processor packages by RAPL.

One rank a node reads them in a thread. A node without a readable meter has no energy, which is not an energy of
zero: then the run's is unknown too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from workloads.runtime.communicators.base import Communicator

PERIOD_SECONDS = 0.5
"""Twice the rate that MLPerf asks for at least (1 Hz)."""
POWERCAP = Path("/sys/class/powercap")
MOST_POINTS = 20_000_000
"""Of the power curves of all ranks together; longer curves get coarser."""

Floats = npt.NDArray[np.float64]


class Meter(Protocol):
    """Something that counts joules from a beginning of its own."""

    name: str

    def joules(self) -> float:
        """The count now. Raises OSError if it cannot be read any more."""


class Rapl:
    """Packages and memory of this node's processors by Linux's powercap, intel-rapl (AMD's processors have it too)."""

    name = "rapl"

    def __init__(self, folder: Path = POWERCAP) -> None:
        """Raises OSError where there is none, or none that this user may read."""
        self.zones = [zone for zone in sorted(folder.glob("intel-rapl:*")) if counted(zone)]
        if not self.zones:
            raise FileNotFoundError(f"no RAPL zone in {folder}")
        self.ranges = [int((zone / "max_energy_range_uj").read_text()) for zone in self.zones]
        self.last = [int((zone / "energy_uj").read_text()) for zone in self.zones]
        self.total = 0

    def joules(self) -> float:
        """The sum over the zones; their counters wrap, at most once between two readings."""
        for place, zone in enumerate(self.zones):
            value = int((zone / "energy_uj").read_text())
            self.total += (value - self.last[place]) % (self.ranges[place] + 1)
            self.last[place] = value
        return self.total / 1e6


def counted(zone: Path) -> bool:
    """Packages, and memory, which is not part of them; cores are, and a platform zone would count all twice."""
    name = (zone / "name").read_text().strip()
    return name.startswith("package") or name == "dram"


class Nvml:
    """All NVIDIA accelerators that this process can see."""

    name = "nvml"

    def __init__(self) -> None:
        """Raises OSError where there is none, or none that counts energy (Volta and later do)."""
        try:
            import pynvml
        except ImportError as error:
            raise FileNotFoundError(f"no NVML: {error}") from error
        self.library = pynvml
        try:
            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
            self.handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(count)]
        except pynvml.NVMLError as error:
            raise FileNotFoundError(f"no NVML: {error}") from error
        if not self.handles:
            raise FileNotFoundError("NVML knows no accelerator")
        self.joules()

    def joules(self) -> float:
        """The sum over the accelerators, which count millijoules since their driver was loaded."""
        try:
            counts = [self.library.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in self.handles]
        except self.library.NVMLError as error:
            raise OSError(f"NVML does not count energy: {error}") from error
        return float(sum(counts)) / 1e3


def meters() -> tuple[list[Meter], str]:
    """The meters of this node, and why there is none where there is none."""
    found: list[Meter] = []
    reasons = []
    for kind in (Nvml, Rapl):
        try:
            found.append(kind())
        except PermissionError as error:
            reasons.append(f"{error.filename} is readable by root only")
        except (OSError, ValueError) as error:
            reasons.append(str(error))
    return found, "; ".join(reasons)


class Sampler:
    """Reads meters in a thread; ``between`` gives the joules of a span of time. Times are seconds since the epoch."""

    def __init__(self, found: Sequence[Meter], period: float = PERIOD_SECONDS) -> None:
        self.meters = found
        self.period = period
        self.times: list[float] = []
        self.counts: list[float] = []
        self.failure = ""
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, name="energy", daemon=True)

    def start(self) -> None:
        """Begin with a reading."""
        self.read()
        self.thread.start()

    def run(self) -> None:
        """Read until stopped. A meter that fails ends the measurement and not the run."""
        while not self.failure and not self.stopped.wait(self.period):
            self.read()

    def read(self) -> None:
        """One reading of all meters."""
        try:
            total = sum(meter.joules() for meter in self.meters)
        except (OSError, ValueError) as error:
            self.failure = str(error)
            return
        self.times.append(time.time())
        self.counts.append(total)

    def stop(self) -> None:
        """End with a reading."""
        self.stopped.set()
        self.thread.join()
        if not self.failure:
            self.read()

    def between(self, start: float, stop: float) -> float:
        """Joules from one moment to another; NaN where the readings do not reach over both."""
        slack = 2 * self.period
        if self.failure or not self.times or start < self.times[0] - slack or stop > self.times[-1] + slack:
            return float("nan")
        first, last = np.interp([start, stop], self.times, self.counts)
        return float(last - first)

    def watts(self, edges: Floats) -> npt.NDArray[np.float32]:
        """Mean power between neighbouring moments, (len(edges) − 1,)."""
        counts = np.interp(edges, self.times, self.counts)
        return np.asarray(np.diff(counts) / np.diff(edges), np.float32)


def begin(local_rank: int) -> tuple[Sampler | None, str]:
    """The sampler of this node, running, on its first rank; None and why where there is no meter, or on other ranks."""
    if local_rank != 0:
        return None, ""
    found, reason = meters()
    if not found:
        return None, reason
    sampler = Sampler(found)
    sampler.start()
    return sampler, ""


def conclude(
    sampler: Sampler | None,
    reason: str,
    communicator: Communicator,
    place: dict[str, Any],
    span: tuple[float, float],
    target_after: float | None,
) -> tuple[dict[str, Any] | None, dict[str, npt.NDArray[np.floating]]]:
    """The result's entry on rank 0 (None elsewhere), and power curves for telemetry on every rank. Collective.

    ``span`` is the measured time on this rank's clock; ``target_after`` how long after its start the target was
    reached, None if it was not, or if earlier attempts, whose energy is unknown, had their part in it.
    """
    if sampler is not None:
        sampler.stop()
        reason = sampler.failure
    start, stop = span
    own = sampler.between(start, stop) if sampler is not None else float("nan")
    reached = float("nan")
    if sampler is not None and target_after is not None:
        reached = sampler.between(start, start + target_after)
    values = communicator.gather(np.array([own, reached, float(place["local_rank"] == 0)]))
    texts = communicator.gather_text("\n".join([place["host"], source_of(sampler), reason]))
    metered = int(communicator.sum(np.array([0 if np.isnan(own) else 1], np.int64))[0])
    curves = power_curves(sampler, communicator, start, stop) if metered else {}
    if values is None or texts is None:
        return None, curves
    nodes = [(*text.split("\n", 2), *row[:2]) for text, row in zip(texts, values, strict=True) if row[2]]
    return summed(nodes, stop - start), curves


def source_of(sampler: Sampler | None) -> str:
    """Names of the meters."""
    return "+".join(meter.name for meter in sampler.meters) if sampler is not None else ""


def summed(nodes: Sequence[tuple[Any, ...]], seconds: float) -> dict[str, Any]:
    """The entry from each node's host, source, reason, joules and joules to the target; any unknown makes all so."""
    missing = [(host, reason) for host, _, reason, joules, _ in nodes if np.isnan(joules)]
    to_target = float(sum(reached for *_, reached in nodes))
    reason = None
    if missing:
        more = f" and {len(missing) - 1} more nodes" if len(missing) > 1 else ""
        reason = f"{missing[0][0]}{more}: {missing[0][1] or 'the meters were not read over the whole run'}"
    return {
        "j": None if missing else float(sum(joules for *_, joules, _ in nodes)),
        "to_accuracy_j": None if missing or np.isnan(to_target) else to_target,
        "seconds": seconds,
        "period_s": PERIOD_SECONDS,
        "source": "; ".join(sorted({source for _, source, *_ in nodes if source})) or None,
        "reason": reason,
        "nodes": [{"host": host, "j": None if np.isnan(joules) else joules} for host, _, _, joules, _ in nodes],
    }


def power_curves(
    sampler: Sampler | None, communicator: Communicator, start: float, stop: float
) -> dict[str, npt.NDArray[np.floating]]:
    """Mean watts of this rank's node in each of some equal intervals, about a second long; NaN on ranks that do not
    read. Collective: all ranks take rank 0's intervals.
    """
    span = float(communicator.sum(np.array([stop - start if communicator.rank == 0 else 0.0]))[0])
    count = max(1, min(int(np.ceil(span)), max(64, MOST_POINTS // communicator.size)))
    watts = np.full(count, np.nan, np.float32)
    if sampler is not None and len(sampler.times) > 1:
        watts = sampler.watts(start + np.linspace(0, span, count + 1))
    return {"power/watts": watts, "power/interval_s": np.array([span / count], np.float32)}
