"""This rank's cores: taken as the supervisor dealt them out, and read before any library may change them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from pathlib import Path

from orchestrator.records.placement import CORES_VARIABLE, UNBOUND_VARIABLE, parse_cores
from orchestrator.records.topology import format_cpus, own_affinity, read_topology

THREADS = Path("/proc/self/task")


class Cores:
    """The cores of a rank.

    ``bound`` are the hardware threads that it was bound to at its start, ``usable`` is how many cores its process could
    use before that, and ``trouble`` is why it has no cores of its own although it should have; "" if it has them.
    """

    def __init__(self, bound: Set[int], trouble: str, usable: int) -> None:
        self.bound, self.trouble, self.usable = tuple(sorted(bound)), trouble, usable

    def change(self) -> str:
        """Return what a library has made of them since, in words; "" if they are as they were."""
        now = own_affinity()
        if now == set(self.bound):
            return ""
        return f"cores {format_cpus(self.bound)} when it started, and a library bound it to {format_cpus(now)}"


def bind_rank(slot: int, environment: Mapping[str, str]) -> Cores:
    """Bind all threads of this process to the cores of the rank ``slot`` of this host, if cores were dealt out.

    Wherever launchers bind ranks, it reads what they did. To be called before a library starts threads.
    """
    usable = read_topology().usable_cores
    trouble = environment.get(UNBOUND_VARIABLE, "")
    dealt = parse_cores(environment.get(CORES_VARIABLE, ""), slot)
    if dealt:
        try:
            for thread in THREADS.iterdir():
                os.sched_setaffinity(int(thread.name), dealt)
        except OSError as error:
            trouble = f"ranks are not bound to cores: {format_cpus(dealt)} may not be used here ({error.strerror})"
    return Cores(own_affinity(), trouble, usable)


def have_own_cores(ranks: int, environment: Mapping[str, str]) -> bool:
    """Whether each of the ``ranks`` of this host has a core for itself, as far as one of them can know."""
    if CORES_VARIABLE in environment:
        return True
    if UNBOUND_VARIABLE in environment:
        return ranks <= read_topology().usable_threads
    # What this rank may run on is its own part where a launcher has bound it.
    return ranks <= (os.cpu_count() or 1)
