"""The quantities that a reference can bound: how each is read from a run, and its unit. The table is at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from orchestrator.acceptance.measurements import Measurement
from orchestrator.analysis.fleet import bus_bandwidth, node_rates
from orchestrator.records import items_of, throughput_unit


@dataclass(frozen=True)
class Quantity:
    """A quantity: ``values(run, size)`` returns one or several values of a run in ``unit``.

    ``higher_is_better`` tells which ``side`` a bound must have. ``missing`` says why a run may have no value. Where
    ``counted``, a run says itself what it counts per second, and ``unit`` is what most count.
    """

    unit: str
    values: Callable[[Measurement, int | None], Sequence[float]]
    higher_is_better: bool = True
    of_probe: bool = False
    missing: str = "no run completed that measures it"
    counted: bool = False

    @property
    def side(self) -> Literal["lower", "upper"]:
        """The side on which a slower, hotter or hungrier machine lies: a bound without it passes any machine."""
        return "lower" if self.higher_is_better else "upper"

    def unit_in(self, run: Measurement) -> str:
        """Return the unit of the run's values."""
        return run.throughput_unit if self.counted else self.unit

    def can_be_in(self, unit: str) -> bool:
        """Whether values of some run may have this unit."""
        return unit == self.unit or (
            self.counted and items_of(unit).isalpha() and unit == throughput_unit(items_of(unit))
        )


def attribute_values(name: str) -> Callable[[Measurement, int | None], Sequence[float]]:
    """Return a function that reads the run's attribute ``name``."""

    def values(run: Measurement, size: int | None) -> Sequence[float]:
        value = getattr(run, name)
        return [] if value is None else [float(value)]

    return values


def median_node_values(name: str, factor: float) -> Callable[[Measurement, int | None], Sequence[float]]:
    """Return a function that gives, for each round of a probe, the median over the nodes of its rate ``name``, times
    ``factor``.
    """

    def values(run: Measurement, size: int | None) -> Sequence[float]:
        if run.probe is None or name not in run.probe:
            return []
        rates = node_rates(run.probe[name], run.ranks_per_node)
        if np.isnan(rates).all():
            return []
        return [float(value) for value in factor * np.nanmedian(rates, axis=0) if np.isfinite(value)]

    return values


def operations_per_joule(run: Measurement, size: int | None) -> Sequence[float]:
    """Return GFLOP/J of the matrix product for each round, the median node's: what all of its ranks did in a second ÷
    the power of all that they metered.

    Processors are metered by one rank of a node, for all; accelerators each by its own. A node of which a part is not
    metered has none.
    """
    if run.probe is None or "power_w" not in run.probe:
        return []
    shape = (-1, run.ranks_per_node, run.probe["power_w"].shape[1])
    rates, watts = (run.probe[name].reshape(shape) for name in ("matmul_flop_per_s", "power_w"))
    metered = np.isfinite(watts).sum(axis=1)
    whole = (metered == 1) | (metered == run.ranks_per_node)
    power = np.where(whole, np.nansum(watts, axis=1), np.nan)
    found = np.divide(1e-9 * rates.sum(axis=1), power, out=np.full_like(power, np.nan), where=power > 0)
    rounds = [column[np.isfinite(column)] for column in found.T]
    return [float(np.median(values)) for values in rounds if len(values)]


def message_seconds(run: Measurement, size: int | None) -> np.ndarray | None:
    """Return the seconds of one allreduce of ``size`` bytes over all ranks, (rounds,), mean over the ranks."""
    sizes = list(run.settings.get("probe", {}).get("sizes", []))
    if run.probe is None or size not in sizes or run.probe["allreduce_seconds"].shape[1] == 0:
        return None
    return np.asarray(run.probe["allreduce_seconds"][:, sizes.index(size)].mean(axis=0))


def bandwidths(run: Measurement, size: int | None) -> Sequence[float]:
    """Return the bus bandwidth of each round, GB/s."""
    seconds = message_seconds(run, size)
    return [] if seconds is None or size is None else list(1e-9 * bus_bandwidth(seconds, size, len(run.hosts)))


def latencies(run: Measurement, size: int | None) -> Sequence[float]:
    """Return the duration of one allreduce in each round, µs."""
    seconds = message_seconds(run, size)
    return [] if seconds is None else list(1e6 * seconds)


NO_POWER = "no power counter could be read on the nodes"

QUANTITIES: dict[str, Quantity] = {
    "throughput": Quantity(throughput_unit(), attribute_values("throughput"), counted=True),
    "time_to_accuracy": Quantity("s", attribute_values("time_to_accuracy"), higher_is_better=False),
    "matmul": Quantity("TFLOP/s", median_node_values("matmul_flop_per_s", 1e-12), of_probe=True),
    "triad": Quantity("GB/s", median_node_values("triad_bytes_per_s", 1e-9), of_probe=True),
    "read_shared": Quantity("GB/s", median_node_values("read_shared_bytes_per_s", 1e-9), of_probe=True),
    "read_local": Quantity("GB/s", median_node_values("read_local_bytes_per_s", 1e-9), of_probe=True),
    "clock": Quantity("MHz", median_node_values("clock_mhz", 1.0), of_probe=True, missing="no clock could be read"),
    "temperature": Quantity(
        "°C",
        median_node_values("temperature_c", 1.0),
        higher_is_better=False,
        of_probe=True,
        missing="no temperature could be read",
    ),
    "power": Quantity("W", median_node_values("power_w", 1.0), higher_is_better=False, of_probe=True, missing=NO_POWER),
    "energy": Quantity("GFLOP/J", operations_per_joule, of_probe=True, missing=NO_POWER),
    "bus_bandwidth": Quantity("GB/s", bandwidths, of_probe=True),
    "latency": Quantity("µs", latencies, higher_is_better=False, of_probe=True),
}


def why_unusable(name: str, values: Sequence[float]) -> str:
    """Return why values of a quantity cannot be judged, "" if they can: there is none, or not all are positive numbers,
    as of a counter that stands still.
    """
    quantity = QUANTITIES[name]
    if not len(values):
        return f"no value of {name}: {quantity.missing}"
    wrong = [value for value in values if not 0 < value < np.inf]
    read = ", ".join(f"{value:g} {quantity.unit}" for value in dict.fromkeys(wrong[:3]))
    return f"{len(wrong)} of {len(values)} values of {name} are no positive numbers: {read}" if wrong else ""


PROBED = {
    "matmul": "matmul_flop_per_s",
    "triad": "triad_bytes_per_s",
    "read_shared": "read_shared_bytes_per_s",
    "read_local": "read_local_bytes_per_s",
    "clock": "clock_mhz",
}
"""Quantities of single nodes, with their names in a probe's telemetry."""
