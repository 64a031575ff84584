"""A daemon that slows a node down by stopping and continuing its job processes in turn.

A control group with a quota would do the same, but not on every machine: often control groups cannot be written,
and a Linux 6.18 with one group a node was seen to give a slurmd no time at all for 28 s beside busy ranks.

Run as a program: stutter.py NETWORK_NAMESPACE_FILE SHARE. Slurm's own processes and the node's first process
are left alone, so that the node is slow and not dead. On SIGTERM every process is continued.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

CYCLE_SECONDS = 0.1
LEFT_ALONE = ("slurm", "sleep")


def stutter(network: Path, share: float) -> None:
    """Let the processes of a network namespace run only a share of each cycle, for ever."""
    namespace = network.stat()
    identity = (namespace.st_dev, namespace.st_ino)

    def let_go(_number: int, _frame: FrameType | None) -> None:
        _send(signal.SIGCONT, list(_job_processes(identity)))
        sys.exit()

    signal.signal(signal.SIGTERM, let_go)
    while True:
        held = list(_job_processes(identity))
        _send(signal.SIGSTOP, held)
        time.sleep(CYCLE_SECONDS * (1 - share))
        _send(signal.SIGCONT, held)
        time.sleep(CYCLE_SECONDS * share)


def _job_processes(identity: tuple[int, int]) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            namespace = (entry / "ns" / "net").stat()
            name = (entry / "comm").read_text(encoding="utf-8")
        except OSError:
            continue
        if (namespace.st_dev, namespace.st_ino) == identity and not name.startswith(LEFT_ALONE):
            yield int(entry.name)


def _send(number: signal.Signals, pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    stutter(Path(sys.argv[1]), float(sys.argv[2]))
