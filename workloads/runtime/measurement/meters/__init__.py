"""Meters of energy: one module a kind, and here which of them this node has. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workloads.runtime.measurement.meters.base import (
    DEVICE,
    MEMORY,
    MODULES,
    NODE,
    PACKAGE,
    POWER_LIMIT,
    Accelerator,
    Meter,
)

__all__ = [
    "DEVICE",
    "MEMORY",
    "MODULES",
    "NODE",
    "PACKAGE",
    "POWER_LIMIT",
    "Accelerator",
    "Meter",
    "accelerator_meter",
    "node_meters",
]


def accelerator_meter(accelerator: Accelerator) -> Meter:
    """The meter of one accelerator. Raises OSError, saying why, where none counts its energy."""
    from workloads.runtime.measurement.meters.amd import AmdMeter
    from workloads.runtime.measurement.meters.nvml import NvmlMeter

    found, reasons = first_of([lambda: [NvmlMeter(accelerator)], lambda: [AmdMeter(accelerator)]])
    if not found:
        raise FileNotFoundError(reasons)
    return found[0]


def node_meters() -> tuple[list[Meter], str]:
    """The meters of this node beside those of single accelerators, and why there is none where there is none."""
    from workloads.runtime.measurement.meters.cray import cray_meters
    from workloads.runtime.measurement.meters.rapl import rapl_meters

    processors, without_processors = first_of([rapl_meters])
    site, without_site = first_of([cray_meters])
    if processors:
        # The site's counters of processors and memory count what these count.
        site = [meter for meter in site if meter.scope not in (PACKAGE, MEMORY)]
    found = [*processors, *site]
    return found, "" if found else f"{without_processors}; {without_site}"


def first_of(kinds: Sequence[Callable[[], Sequence[Meter]]]) -> tuple[list[Meter], str]:
    """The meters of the first kind that is there; else none, and why each kind is not."""
    reasons = []
    for kind in kinds:
        try:
            return list(kind()), ""
        except PermissionError as error:
            reasons.append(f"{error.filename} is readable by root only")
        except (OSError, ValueError) as error:
            reasons.append(str(error))
    return [], "; ".join(reasons)
