"""Deals out this machine's cores and accelerators between the runs that are on it at once, also those of other
orchestrators and users.

A run holds each by a socket of Linux's abstract namespace, whose name only one process can take. The system gives it
back when the process ends in any way, and no file stays behind.

Such names are a network namespace's. Containers that have a network of their own each do not see each other's runs:
whoever starts them has to give them different cores (--cpuset-cpus).
"""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from orchestrator.records.placement import (
    CORES_VARIABLE,
    DEVICES_VARIABLE,
    SHARED,
    UNBOUND_VARIABLE,
    deal_cores,
    format_cores,
    threads_of,
)
from orchestrator.records.topology import Core, Topology, format_cpus, read_topology, visible_accelerators

NAMES = "orchestrator"
"""What the names that stand for this machine's cores and accelerators begin with."""
DEALING_SECONDS = 10.0
"""How long to wait while another run deals out its cores, which takes milliseconds."""
FEW_FILES = (
    "ranks are not bound to cores: {} cores and accelerators are held by as many open files, and the limit is {} "
    "(ulimit -n)"
)
FILES_LEFT = 64
"""How many open files a supervisor needs beside those that stand for what it holds."""


@dataclass(frozen=True)
class Binding:
    """The hardware threads of each rank on this machine, and the number of each one's accelerator among the visible
    ones; none, and why, if nothing could be dealt out. ``shares_devices``: other runs hold accelerators that the ranks
    take all the same.
    """

    ranks: tuple[tuple[int, ...], ...] = ()
    devices: tuple[int, ...] = ()
    reason: str = ""
    shares_devices: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that tell the ranks."""
        told = {
            CORES_VARIABLE: format_cores(self.ranks),
            DEVICES_VARIABLE: SHARED if self.shares_devices else ",".join(map(str, self.devices)),
            UNBOUND_VARIABLE: self.reason,
        }
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True)
class Machine:
    """What this machine has for runs: ``accelerators`` by the names under which they are visible, in their order."""

    topology: Topology
    accelerators: tuple[str, ...] = ()


def read_machine() -> Machine:
    """Return this machine as it is."""
    return Machine(read_topology(), visible_accelerators(os.environ))


def bind_ranks(machine: Machine, cores: Sequence[Core], accelerators: Sequence[str], ranks: int, each: int) -> Binding:
    """Return each rank's place among the free cores and accelerators, or why the ranks are left to the system."""
    bound, unbound = bind_to_cores(machine.topology, cores, ranks, each)
    wanted = min(ranks, len(machine.accelerators))
    if len(accelerators) < wanted:
        held = [name for name in machine.accelerators if name not in accelerators]
        few = (
            f"ranks share accelerators with other runs on this machine, which hold {len(held)} of "
            f"{len(machine.accelerators)} ({', '.join(held)}): the runs slow each other down"
        )
        return Binding(bound, (), "; ".join(filter(None, [unbound, few])), shares_devices=True)
    numbers = [machine.accelerators.index(name) for name in accelerators[:wanted]]
    return Binding(bound, tuple(numbers[rank % wanted] for rank in range(ranks)) if wanted else (), unbound)


def bind_to_cores(
    topology: Topology, free: Sequence[Core], ranks: int, each: int
) -> tuple[tuple[tuple[int, ...], ...], str]:
    """Return the hardware threads of each rank, or why there are none."""
    usable = topology.usable
    if topology.quota is not None and topology.quota < len(usable):
        # Other groups have quotas on the same cores. Where there is room among all of them only the kernel knows.
        return (), f"ranks are not bound to cores: {topology.limits[-1]}"
    wanted = f"{ranks * each} cores are needed" if ranks * each > 1 else "a core is needed"
    if ranks * each > len(usable):
        limits = "".join(f": {limit}" for limit in topology.limits)
        return (), f"ranks are not bound to cores: {wanted}, and {len(usable)} may be used{limits}"
    dealt = deal_cores(free, ranks, each)
    if dealt is None:
        held = threads_of([core for core in usable if core not in free])
        sentence = f"ranks are not bound to cores: {wanted}, and other runs on this machine hold {format_cpus(held)}"
        return (), f"{sentence} of {format_cpus(threads_of(usable))}: the runs slow each other down"
    return tuple(threads_of(cores) for cores in dealt), ""


@contextmanager
def hold_places(ranks: int, each: int, machine: Machine | None = None) -> Iterator[Binding]:
    """Hold ``each`` cores of this machine for every rank, and accelerators, within the context, as far as they are
    free.
    """
    machine = machine or read_machine()
    with ExitStack() as held:
        with ExitStack() as dealing:
            wait_for_turn(dealing)
            cores = [core for core in machine.topology.usable if is_free(core_name(core))]
            accelerators = [name for name in machine.accelerators if is_free(device_name(name))]
            binding = bind_ranks(machine, cores, accelerators, ranks, each)
            threads = {thread for own in binding.ranks for thread in own}
            names = [core_name(core) for core in cores if threads & set(core.threads)]
            names += [device_name(machine.accelerators[number]) for number in sorted(set(binding.devices))]
            allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            if 0 <= allowed < len(names) + FILES_LEFT:
                binding, names = Binding(reason=FEW_FILES.format(len(names), allowed)), []
            for name in names:
                holder = hold_name(name)
                if holder is not None:
                    held.enter_context(holder)
        yield binding


def held_cores(topology: Topology) -> list[Core]:
    """Return the usable cores that runs on this machine hold now."""
    with ExitStack() as stack:
        wait_for_turn(stack)
        return [core for core in topology.usable if not is_free(core_name(core))]


def core_name(core: Core) -> str:
    """Return the name that stands for a core on this machine, whichever of its threads may be used."""
    return f"core/{core.number}"


def device_name(accelerator: str) -> str:
    """Return the name that stands for an accelerator."""
    return f"accelerator/{accelerator}"


def is_free(name: str) -> bool:
    """Whether no process has a name. One at a time is tried: a machine may have more cores than a process open files.

    It is for who has the turn: nobody else takes a name meanwhile.
    """
    holder = hold_name(name)
    if holder is None:
        return False
    holder.close()
    return True


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
