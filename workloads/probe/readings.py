"""What a chip tells of itself while it works: clock, temperature, power. NaN where it cannot be read."""

from __future__ import annotations

import math
import subprocess
import time
from pathlib import Path

import torch

SYS = Path("/sys")
QUERY_SECONDS = 10.0


def nvidia(query: str, index: int | None = None) -> list[list[str]]:
    """Rows of ``nvidia-smi``'s answer for comma-separated fields; empty where there is none."""
    chosen = [] if index is None else ["-i", str(index)]
    words = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits", *chosen]
    try:
        answer = subprocess.run(words, capture_output=True, text=True, timeout=QUERY_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if answer.returncode != 0:
        return []
    return [[cell.strip() for cell in line.split(",")] for line in answer.stdout.splitlines() if line.strip()]


def number(text: str) -> float:
    """The number in a text, else NaN."""
    try:
        return float(text)
    except ValueError:
        return math.nan


class Readings:
    """Of the accelerator of this rank if it has one, else of its node's processors."""

    def __init__(self, device: torch.device, root: Path = SYS) -> None:
        self.device, self.root = device, root
        self.counters = sorted(root.glob("class/powercap/intel-rapl:[0-9]*/energy_uj"))
        self.begun = (time.monotonic(), self.joules())

    def begin(self) -> None:
        """The time over which power is averaged begins."""
        self.begun = (time.monotonic(), self.joules())

    def take(self) -> tuple[float, float, float]:
        """Clock in MHz, temperature in °C, power in W since ``begin`` (of an accelerator: right now)."""
        if self.device.type == "cuda":
            index = self.device.index or 0
            rows = nvidia("clocks.sm,temperature.gpu,power.draw", index)
            clock, temperature, power = (number(cell) for cell in rows[0][:3]) if rows else (math.nan,) * 3
            return clock, temperature, power
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
        """Energy counters of all packages, J, as far as they may be read."""
        return sum(read_number(path) * 1e-6 for path in self.counters) if self.counters else math.nan

    def processor_power(self) -> float:
        """Mean since ``begin``; NaN also where a counter wrapped."""
        seconds = time.monotonic() - self.begun[0]
        watts = (self.joules() - self.begun[1]) / seconds if seconds > 0 else math.nan
        return watts if watts >= 0 else math.nan


def read_text(path: Path) -> str | None:
    """A small file's text, None if it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def read_number(path: Path) -> float:
    """A small file's number, NaN if there is none."""
    return number(read_text(path) or "")
