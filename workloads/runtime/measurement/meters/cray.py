"""Energy of a node by HPE Cray's counters, which stand under /sys/cray/pm_counters and are for everyone to read.

A file holds "2316459102 J 1714382011000000 us". ``energy`` is the node's; ``cpu_energy``, ``memory_energy`` and
``accelN_energy`` (one a module: both dies of an MI250X) are parts of it. They move ten times a second.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from workloads.runtime.measurement.meters.base import MEMORY, MODULES, NODE, PACKAGE, Meter

COUNTERS = Path("/sys/cray/pm_counters")
KINDS = {
    re.compile(r"energy"): NODE,
    re.compile(r"cpu\d*_energy"): PACKAGE,
    re.compile(r"memory_energy"): MEMORY,
    re.compile(r"accel\d+_energy"): MODULES,
}


def cray_meters(folder: Path | None = None) -> list[Meter]:
    """A meter for each scope. Raises OSError where there is no such counter.

    Where ``cpu_energy`` stands beside ``cpu0_energy`` and its like, it is their sum and is taken alone.
    """
    root = COUNTERS if folder is None else folder
    scopes: dict[str, list[Path]] = {}
    for path in sorted(root.glob("*energy")):
        for pattern, scope in KINDS.items():
            if pattern.fullmatch(path.name):
                scopes.setdefault(scope, []).append(path)
    whole = root / "cpu_energy"
    if whole in scopes.get(PACKAGE, []):
        scopes[PACKAGE] = [whole]
    if not scopes:
        raise FileNotFoundError(f"no counter in {root}")
    return [CrayMeter(scope, paths) for scope, paths in scopes.items()]


class CrayMeter:
    """The sum of some counters of one scope."""

    source = "cray"
    covers_more = ""

    def __init__(self, scope: str, paths: Sequence[Path]) -> None:
        self.scope, self.identity, self.paths = scope, scope, paths
        self.joules()

    def joules(self) -> float:
        """Since the node's start. Raises ValueError for a text of another form."""
        return float(sum(read_counter(path) for path in self.paths))

    def slowed_by(self) -> list[str]:
        """Nothing: these counters do not tell."""
        return []

    def users(self) -> frozenset[int]:
        """Nobody: these counters do not tell whom it counts."""
        return frozenset()


def read_counter(path: Path) -> int:
    """Joules."""
    words = path.read_text(encoding="ascii").split()
    if len(words) < 2 or words[1] != "J":
        raise ValueError(f"{path} is not a count of joules: {' '.join(words)}")
    return int(words[0])
