"""How often a node's processors slowed themselves down for heat, as Linux counts it on x86."""

from __future__ import annotations

from pathlib import Path

PROCESSORS = Path("/sys/devices/system/cpu")


def count_throttling(folder: Path | None = None) -> int:
    """Events of all cores since the node's start; 0 where the kernel does not count them.

    A package's events are counted by each of its cores, and so of all cores the most is taken.
    """
    root = PROCESSORS if folder is None else folder
    cores = sum(map(read_count, root.glob("cpu[0-9]*/thermal_throttle/core_throttle_count")))
    packages = map(read_count, root.glob("cpu[0-9]*/thermal_throttle/package_throttle_count"))
    return cores + max(packages, default=0)


def read_count(path: Path) -> int:
    """The number in a file of the kernel's, 0 if there is none."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
