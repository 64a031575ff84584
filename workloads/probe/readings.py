"""What a chip tells of itself while it works: clock, temperature, power. NaN where it cannot be read."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Protocol

import torch

from workloads.runtime.measurement.energy import accelerator_of
from workloads.runtime.measurement.meters import Accelerator, Meter, first_of
from workloads.runtime.measurement.meters.amd import AmdDevice
from workloads.runtime.measurement.meters.nvml import NvmlDevice
from workloads.runtime.measurement.meters.rapl import rapl_meters
from workloads.runtime.processors import read_text

SYS = Path("/sys")


def number(text: str) -> float:
    """The number in a text, else NaN."""
    try:
        return float(text)
    except ValueError:
        return math.nan


class Chip(Protocol):
    """An accelerator as its vendor's library tells of it."""

    def state(self) -> tuple[float, float, float]:
        """Clock in MHz, temperature in °C, power in W."""


def chip_of(accelerator: Accelerator) -> Chip | None:
    """The accelerator in the library that knows it; None where none does."""
    for kind in (NvmlDevice, AmdDevice):
        try:
            return kind(accelerator)
        except OSError:
            continue
    return None


class Readings:
    """Of the accelerator of this rank if it has one, else of its node's processors."""

    def __init__(self, device: torch.device, root: Path = SYS) -> None:
        accelerator = accelerator_of(device)
        self.accelerated, self.root = accelerator is not None, root
        self.chip = chip_of(accelerator) if accelerator is not None else None
        self.meters: list[Meter] = []
        if not self.accelerated:
            self.meters, _ = first_of([lambda: rapl_meters(root / "class/powercap")])
        self.begin()

    def begin(self) -> None:
        """The time over which power is averaged begins."""
        self.begun = (time.monotonic(), self.joules())

    def take(self) -> tuple[float, float, float]:
        """Clock in MHz, temperature in °C, power in W since ``begin`` (of an accelerator: right now)."""
        if self.accelerated:
            return self.chip.state() if self.chip is not None else (math.nan,) * 3
        return self.processor_clock(), self.processor_temperature(), self.processor_power()

    def processor_clock(self) -> float:
        """Median of the cores' current frequencies, where the kernel scales them: what a hypervisor states is fixed."""
        files = sorted(self.root.glob("devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"))
        values = sorted(value / 1000 for value in map(read_number, files) if not math.isnan(value))
        return values[len(values) // 2] if values else math.nan

    def processor_temperature(self) -> float:
        """The hottest sensor of a processor package, or of any thermal zone."""
        packages = []
        for name in self.root.glob("class/hwmon/hwmon*/name"):
            if read_text(name) in ("coretemp", "k10temp", "zenpower"):
                packages += list(name.parent.glob("temp*_input"))
        found = packages or list(self.root.glob("class/thermal/thermal_zone*/temp"))
        values = [value / 1000 for value in map(read_number, found) if not math.isnan(value)]
        return max(values, default=math.nan)

    def joules(self) -> float:
        """What the processors' packages and memory have taken, J; NaN where that may not be read."""
        try:
            return sum(meter.joules() for meter in self.meters) if self.meters else math.nan
        except (OSError, ValueError):
            return math.nan

    def processor_power(self) -> float:
        """Mean since ``begin``."""
        seconds = time.monotonic() - self.begun[0]
        return (self.joules() - self.begun[1]) / seconds if seconds > 0 else math.nan


def read_number(path: Path) -> float:
    """A small file's number, NaN if there is none."""
    return number(read_text(path) or "")
