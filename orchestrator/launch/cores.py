"""Deals out this machine's cores between the runs that are on it at once, also those of other orchestrators and users.

A run holds a core by a socket of Linux's abstract namespace, whose name only one process can take. The system gives it
back when the process ends in any way, and no file stays behind.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from orchestrator.records.placement import CORES_VARIABLE, UNBOUND_VARIABLE, deal_cores, format_cores, threads_of
from orchestrator.records.topology import Core, Topology, format_cpus, read_topology

NAMES = "orchestrator"
"""What the names that stand for this machine's cores begin with."""
DEALING_SECONDS = 10.0
"""How long to wait while another run deals out its cores, which takes milliseconds."""


@dataclass(frozen=True)
class Binding:
    """The hardware threads of each rank on this machine; none, and why, if the ranks are not bound."""

    ranks: tuple[tuple[int, ...], ...]
    reason: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """Return the variable that tells the ranks."""
        return {CORES_VARIABLE: format_cores(self.ranks)} if self.ranks else {UNBOUND_VARIABLE: self.reason}


def bind_ranks(topology: Topology, free: Sequence[Core], ranks: int, each: int) -> Binding:
    """Return each rank's cores among the free ones, or why the ranks are left to the system."""
    usable = topology.usable
    if topology.quota is not None and topology.quota < len(usable):
        # Other groups have quotas on the same cores. Where there is room among all of them only the kernel knows.
        return Binding((), f"ranks are not bound to cores: {topology.limits[-1]}")
    wanted = f"{ranks * each} cores are needed"
    if ranks * each > len(usable):
        limits = "".join(f": {limit}" for limit in topology.limits)
        return Binding((), f"ranks are not bound to cores: {wanted}, and {len(usable)} may be used{limits}")
    dealt = deal_cores(free, ranks, each)
    if dealt is None:
        held = threads_of([core for core in usable if core not in free])
        sentence = f"ranks are not bound to cores: {wanted}, and other runs on this machine hold {format_cpus(held)}"
        return Binding((), f"{sentence} of {format_cpus(threads_of(usable))}: the runs slow each other down")
    return Binding(tuple(threads_of(cores) for cores in dealt))


@contextmanager
def hold_cores(ranks: int, each: int, topology: Topology | None = None) -> Iterator[Binding]:
    """Hold ``each`` cores of this machine for every rank within the context, if that many are free."""
    topology = topology or read_topology()
    with ExitStack() as held:
        with ExitStack() as dealing:
            wait_for_turn(dealing)
            taken = {core: holder for core in topology.usable if (holder := hold_name(core_name(core))) is not None}
            binding = bind_ranks(topology, list(taken), ranks, each)
            wanted = {thread for threads in binding.ranks for thread in threads}
            for core, holder in taken.items():
                if wanted & set(core.threads):
                    held.enter_context(holder)
                else:
                    holder.close()
        yield binding


def held_cores(topology: Topology) -> list[Core]:
    """Return the usable cores that runs on this machine hold now."""
    with ExitStack() as stack:
        wait_for_turn(stack)
        holders = {core: hold_name(core_name(core)) for core in topology.usable}
        for holder in filter(None, holders.values()):
            stack.enter_context(holder)
        return [core for core, holder in holders.items() if holder is None]


def core_name(core: Core) -> str:
    """Return the name that stands for a core on this machine, whichever of its threads may be used."""
    return f"core/{core.number}"


def hold_name(name: str) -> socket.socket | None:
    """Take a name of this machine's, or return None if another process has it."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        holder.bind(f"\0{NAMES}/{name}")
    except OSError:
        holder.close()
        return None
    return holder


def wait_for_turn(stack: ExitStack) -> None:
    """Wait until no other run deals out cores, and keep others from it until the stack is closed.

    After ``DEALING_SECONDS`` it goes on all the same: a stopped process must not keep others from running.
    """
    deadline = time.monotonic() + DEALING_SECONDS
    while time.monotonic() < deadline:
        holder = hold_name("dealing")
        if holder is not None:
            stack.enter_context(holder)
            return
        time.sleep(0.01)
