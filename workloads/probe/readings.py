"""A chip's own readings while it works: clock, temperature, power. NaN for a value that cannot be read."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Protocol

import torch

from orchestrator.records.processors import read_text
from workloads.runtime.measurement.energy import accelerator_of
from workloads.runtime.measurement.meters import Accelerator, Meter, first_of
from workloads.runtime.measurement.meters.amd import AmdDevice
from workloads.runtime.measurement.meters.amd_tools import RocmSmiDevice
from workloads.runtime.measurement.meters.nvml import NvmlDevice
from workloads.runtime.measurement.meters.rapl import rapl_meters

SYS = Path("/sys")


def number(text: str) -> float:
    """Return the number in a text, otherwise NaN."""
    try:
        return float(text)
    except ValueError:
        return math.nan


class Chip(Protocol):
    """An accelerator, read through its vendor's library or tool."""

    def state(self) -> tuple[float, float, float]:
        """Return clock in MHz, temperature in °C and power in W."""


def chip_of(accelerator: Accelerator) -> Chip | None:
    """Return the accelerator from the library or the tool that knows it; None if none does."""
    for kind in (NvmlDevice, AmdDevice, RocmSmiDevice):
        try:
            return kind(accelerator)
        except OSError:
            continue
    return None


class Readings:
    """Readings of this rank's accelerator if it has one, otherwise of its node's processors; their energy, which is one
    for all ranks of a node, only where this rank ``leads_node``.
    """

    def __init__(self, device: torch.device, root: Path = SYS, leads_node: bool = True) -> None:
        accelerator = accelerator_of(device)
        self.accelerated, self.root = accelerator is not None, root
        self.chip = chip_of(accelerator) if accelerator is not None else None
        self.meters: list[Meter] = []
        if not self.accelerated and leads_node:
            self.meters, _ = first_of([lambda: rapl_meters(root / "class/powercap")])
        self.begin()

    def begin(self) -> None:
        """Begin the time over which power is averaged."""
        self.begun = (time.monotonic(), self.joules())

    def take(self) -> tuple[float, float, float]:
        """Return clock in MHz, temperature in °C, and power in W since ``begin`` (of an accelerator: right now)."""
        if self.accelerated:
            return self.chip.state() if self.chip is not None else (math.nan,) * 3
        return self.processor_clock(), self.processor_temperature(), self.processor_power()

    def processor_clock(self) -> float:
        """Return the median of the cores' current frequencies if the kernel scales them. A hypervisor's value
        is fixed.
        """
        files = sorted(self.root.glob("devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"))
        values = sorted(value / 1000 for value in map(read_number, files) if not math.isnan(value))
        return values[len(values) // 2] if values else math.nan

    def processor_temperature(self) -> float:
        """Return the highest reading of a processor package, or else of any thermal zone."""
        packages = []
        for name in self.root.glob("class/hwmon/hwmon*/name"):
            if read_text(name) in ("coretemp", "k10temp", "zenpower"):
                packages += list(name.parent.glob("temp*_input"))
        found = packages or list(self.root.glob("class/thermal/thermal_zone*/temp"))
        values = [value / 1000 for value in map(read_number, found) if not math.isnan(value)]
        return max(values, default=math.nan)

    def joules(self) -> float:
        """Return the energy of the processors' packages and memory, J; NaN if it may not be read."""
        try:
            return sum(meter.joules() for meter in self.meters) if self.meters else math.nan
        except (OSError, ValueError):
            return math.nan

    def processor_power(self) -> float:
        """Return the mean power since ``begin``."""
        seconds = time.monotonic() - self.begun[0]
        return (self.joules() - self.begun[1]) / seconds if seconds > 0 else math.nan


def read_number(path: Path) -> float:
    """Return a small file's number, NaN if there is none."""
    return number(read_text(path) or "")
