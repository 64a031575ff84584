"""Meters of energy: one module a kind, and here which of them this node has. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

DEVICE, PACKAGE, MEMORY, MODULES, NODE = "device", "package", "memory", "accelerators", "node"
"""What a meter covers: one accelerator; the processor packages; the memory beside them; all accelerators of the node;
the node, whole.
"""
POWER_LIMIT = "its power limit"
"""Why a busy accelerator's clock is lower than it could be, every day; other reasons are worth a warning."""


class Meter(Protocol):
    """Something that counts joules from a beginning of its own.

    ``source`` is the interface that it is read by, ``scope`` one of the words above, ``identity`` what is counted: two
    ranks that read one identity on one host read the same joules. ``covers_more`` says what else than the run's part
    the meter counts by its nature, whoever uses the node; it is empty for most.
    """

    source: str
    scope: str
    identity: str
    covers_more: str

    def joules(self) -> float:
        """The count now. Raises OSError if it cannot be read any more."""

    def slowed_by(self) -> list[str]:
        """Why what is metered runs slower than it could, right now; empty where nothing slows it or it is not told."""


@dataclass(frozen=True)
class Accelerator:
    """What identifies an accelerator whatever the process may see: CUDA_VISIBLE_DEVICES and its kin renumber.

    ``uuid`` is in CUDA's form without a prefix, ``bus`` the address on the PCI bus ("0000:c1:00.0"), "" if unknown.
    """

    uuid: str
    bus: str = ""


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
