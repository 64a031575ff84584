"""Energy of processor packages and of memory by Linux's powercap, intel-rapl (AMD's processors have it too)."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

from workloads.runtime.measurement.meters.base import MEMORY, PACKAGE, Meter

POWERCAP = Path("/sys/class/powercap")
ZONE = re.compile(r"intel-rapl:\d+(:\d+)?")
"""Not intel-rapl-mmio: it shows the same counters once more."""
PACKAGE_NAME = re.compile(r"(package-\d+)(?:-die-\d+)?")
SAME_COUNTER_UJ = 2_000_000
"""Two counters of one package that are this close are one: those of different dies began at different times."""

MOST_WATTS = 1000.0
"""More than any package or its memory draws: the largest are rated 500 W. It tells what a counter can have counted."""
READING_SECONDS = 1.0
"""A reading may be this much later than what it read."""
UNLIMITED = 2**64


def rapl_meters(folder: Path | None = None) -> list[Meter]:
    """One meter for each package and each bank of memory, which is not part of a package's count.

    Cores and graphics are parts of a package, and a platform zone (psys) would count all of them again. Raises OSError
    where there is no zone, or none that this user may read.
    """
    root = POWERCAP if folder is None else folder
    groups: dict[str, list[Path]] = {}
    for zone in sorted(path for path in root.glob("intel-rapl:*") if ZONE.fullmatch(path.name)):
        name = zone_name(zone)
        package = PACKAGE_NAME.fullmatch(name)
        if package is not None:
            groups.setdefault(package[1], []).append(zone)
        elif name == "dram":
            groups.setdefault(f"{zone.name.removeprefix('intel-rapl:')} dram", []).append(zone)
    if not groups:
        raise FileNotFoundError(f"no RAPL zone in {root}")
    return [RaplMeter(name, zones) for name, zones in groups.items()]


def zone_name(zone: Path) -> str:
    """What the kernel calls a zone; one at the top that has no name is a package, by its number."""
    file = zone / "name"
    if file.exists():
        return file.read_text(encoding="ascii", errors="replace").strip()
    number = zone.name.removeprefix("intel-rapl:")
    return f"package-{number}" if number.isdigit() else ""


class Counter:
    """One zone's counter, in microjoules. It wraps, at most once between two readings that are near enough."""

    def __init__(self, zone: Path) -> None:
        self.path = zone / "energy_uj"
        limit = zone / "max_energy_range_uj"
        self.range = read_integer(limit) + 1 if limit.exists() else UNLIMITED
        self.last, self.read_at = read_integer(self.path), time.monotonic()
        self.total = 0

    def read(self) -> int:
        """Microjoules since the counter was opened. Raises ValueError where it may have wrapped more than once, as in a
        job that was suspended, and where it fell by more than a wrap explains.
        """
        value, read_at = read_integer(self.path), time.monotonic()
        self.total += counted_between(self.last, value, self.range, read_at - self.read_at, self.path)
        self.last, self.read_at = value, read_at
        return self.total

    def mirrors(self, other: Counter) -> bool:
        """Whether both show one count."""
        apart = (self.last - other.last) % self.range
        return min(apart, self.range - apart) <= SAME_COUNTER_UJ


def counted_between(before: int, now: int, limit: int, seconds: float, counter: Path) -> int:
    """Microjoules from one reading to the next, ``seconds`` later, of a counter that wraps at ``limit``."""
    most = 1e6 * MOST_WATTS * (seconds + READING_SECONDS)
    if seconds > READING_SECONDS and most >= limit:
        raise ValueError(f"{counter} was not read for {seconds:.0f} s, in which it may have wrapped unseen")
    counted = (now - before) % limit
    if now < before and counted > most:
        raise ValueError(f"{counter} went backwards, from {before} to {now} µJ, by more than a wrap: it was reset")
    return counted


class RaplMeter:
    """One package, or its memory. A package of several dies may have a zone for each, which then count apart or, on
    AMD's, all show the package's one counter.
    """

    source = "rapl"
    covers_more = ""

    def __init__(self, name: str, zones: Sequence[Path]) -> None:
        self.identity = name
        self.scope = PACKAGE if name.startswith("package") else MEMORY
        self.counters = [Counter(zone) for zone in zones]
        self.mirrored = self.one_count()

    def one_count(self) -> bool:
        """Whether all zones show one count now."""
        return all(counter.mirrors(self.counters[0]) for counter in self.counters)

    def joules(self) -> float:
        """Since the meter was made."""
        totals = [counter.read() for counter in self.counters]
        self.mirrored = self.mirrored and self.one_count()
        return (totals[0] if self.mirrored else sum(totals)) / 1e6

    def slowed_by(self) -> list[str]:
        """Nothing: a package's throttling is counted elsewhere (throttling.py)."""
        return []

    def users(self) -> frozenset[int]:
        """Nobody: a package's counter does not tell whom it counts."""
        return frozenset()


def read_integer(path: Path) -> int:
    """The number in a file of the kernel's; raises OSError or ValueError."""
    return int(path.read_text(encoding="ascii"))
