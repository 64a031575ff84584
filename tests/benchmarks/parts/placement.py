"""Where a virtual machine's cores lie, as far as it can tell: how long one takes to hand a cache line to another.

The host of a virtual machine moves its cores about. Two that share a third-level cache hand a line over in some 40 ns,
two that do not in 160 to 190 ns on the machine this was found on, and messages between two processes take two to five
times as long. Programs that exchange messages can be compared only while the cores lie alike, so each is asked where
they lay when it began and when it ended.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("hand_over.c")
ALIKE = 1.6
"""Readings whose largest is within this of the smallest were taken with the cores in the same place."""
BYTES = 4096


def mpicc() -> str:
    """The compiler of this environment's MPI, else the site's."""
    beside = Path(sys.executable).with_name("mpicc")
    return str(beside) if beside.exists() else "mpicc"


class HandOver:
    """Reads the hand-over time of the first two ranks of MPI programs that run with its ``environment``."""

    def __init__(self, folder: Path) -> None:
        """Compile the library into a folder, where the readings go as well."""
        self._line, library = folder / "hand_over", folder / "hand_over.so"
        self._readings = folder / "hand_over.ns"
        subprocess.run([mpicc(), "-O2", "-shared", "-fPIC", str(SOURCE), "-o", str(library)], check=True)
        self._line.write_bytes(bytes(BYTES))
        self.environment = {"LD_PRELOAD": str(library), "HAND_OVER": str(self._line)}

    def taken(self) -> list[float]:
        """The readings since the last call, two a program, ns."""
        found = [float(line) for line in self._readings.read_text().splitlines()]
        self._readings.unlink()
        return found


def alike(readings: Sequence[float]) -> bool:
    """Whether the cores lay alike whenever these were taken."""
    return max(readings) <= ALIKE * min(readings)
