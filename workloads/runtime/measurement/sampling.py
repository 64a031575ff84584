"""Meters read in a thread while something else is done."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from workloads.runtime.measurement.clocks import moment
from workloads.runtime.measurement.meters import Meter

PERIOD_SECONDS = 0.5
"""Twice the rate that MLPerf asks for at least (1 Hz)."""

Floats = npt.NDArray[np.float64]


def refuse_decrease(meter: Meter, before: float, now: float) -> None:
    """Raise ValueError where a count fell: a meter adds up what wraps, so the rest is a counter that began anew."""
    if now < before:
        raise ValueError(
            f"{meter.source}'s counter of {meter.identity} went backwards, from {before:.0f} to {now:.0f} J: it was "
            "reset while it was read"
        )


class Sampler:
    """Reads meters in a thread; ``between`` gives the joules of a span of time. Times are moments of this rank.

    ``failures`` says by a meter's place why it could not be read to the end, ``slowed`` how many readings found that
    the metered device ran slower than it could, by place and reason, and ``users`` which processes computed on it.
    """

    def __init__(self, meters: Sequence[Meter], period: float = PERIOD_SECONDS) -> None:
        self.meters = meters
        self.period = period
        self.times: list[float] = []
        self.counts: list[list[float]] = []
        self.failures: dict[int, str] = {}
        self.slowed: Counter[tuple[int, str]] = Counter()
        self.users: list[set[int]] = [set() for _ in meters]
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, name="energy", daemon=True)

    def start(self) -> None:
        """Begin with a reading."""
        self.read()
        self.thread.start()

    def run(self) -> None:
        """Read until stopped. A meter that fails ends its own measurement and not the run."""
        while len(self.failures) < len(self.meters) and not self.stopped.wait(self.period):
            self.read()

    def read(self) -> None:
        """One reading of all meters that still answer."""
        counts = [float("nan")] * len(self.meters)
        for place, meter in enumerate(self.meters):
            if place in self.failures:
                continue
            try:
                counts[place] = meter.joules()
                refuse_decrease(meter, self.counts[-1][place] if self.counts else 0.0, counts[place])
            except (OSError, ValueError) as error:
                self.failures[place] = str(error)
                counts[place] = float("nan")
                continue
            self.slowed.update((place, reason) for reason in meter.slowed_by())
            self.users[place] |= meter.users()
        self.times.append(moment())
        self.counts.append(counts)

    def stop(self) -> None:
        """End with a reading."""
        self.stopped.set()
        self.thread.join()
        self.read()

    def between(self, start: float, stop: float) -> Floats:
        """Joules of each meter from one moment to another, (meters,); NaN where its readings do not reach over both."""
        slack = 2 * self.period
        joules = np.full(len(self.meters), np.nan)
        if not self.times or start < self.times[0] - slack or stop > self.times[-1] + slack:
            return joules
        for place, counts in enumerate(np.asarray(self.counts).T):
            if place not in self.failures:
                first, last = np.interp([start, stop], self.times, counts)
                joules[place] = last - first
        return joules

    def watts(self, edges: Floats, places: Sequence[int]) -> npt.NDArray[np.float32]:
        """Mean power of some meters together between neighbouring moments, (len(edges) − 1,)."""
        table = np.asarray(self.counts)[:, list(places)].sum(axis=1)
        counts = np.interp(edges, self.times, table)
        return np.asarray(np.diff(counts) / np.diff(edges), np.float32)
