"""The meeting point of the ranks of torch.distributed, from MPI or from the launcher's environment."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestrator.records import host_name
from workloads.runtime.communicators.mpi_world import join_world

LOOPBACK = "127.0.0.1"
MPI_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID")
"""Set in a rank's environment by the launchers of Open MPI, PMIx (srun too), MPICH and Intel MPI."""


class RendezvousError(RuntimeError):
    """The ranks cannot find each other."""


@dataclass(frozen=True)
class Host:
    """A rank's host: its name, and what tells its network from that of another host of the same name."""

    name: str
    network: str


@dataclass(frozen=True)
class Rendezvous:
    """This rank's place among all, and the address at which rank 0 listens."""

    rank: int
    size: int
    address: str
    port: int


def find_rendezvous() -> Rendezvous:
    """The rendezvous that the environment names (torchrun), that MPI gives, or that Slurm's variables imply."""
    environment = os.environ
    if {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= environment.keys():
        return from_torchrun(environment)
    if any(variable in environment for variable in MPI_VARIABLES):
        return from_mpi()
    if "SLURM_STEP_NUM_TASKS" in environment:
        return from_slurm(environment)
    return Rendezvous(0, 1, LOOPBACK, free_port())


def from_torchrun(environment: Mapping[str, str]) -> Rendezvous:
    """Return the rendezvous that torchrun, or a person, has set in the environment."""
    return Rendezvous(
        int(environment["RANK"]),
        int(environment["WORLD_SIZE"]),
        environment["MASTER_ADDR"],
        int(environment["MASTER_PORT"]),
    )


def from_slurm(environment: Mapping[str, str]) -> Rendezvous:
    """The step's first node, and a port that follows from job and step so that all ranks know it."""
    nodes = environment.get("SLURM_STEP_NODELIST", environment.get("SLURM_JOB_NODELIST", ""))
    offset = int(environment["SLURM_JOB_ID"]) * 101 + int(environment.get("SLURM_STEP_ID", "0"))
    size = int(environment["SLURM_STEP_NUM_TASKS"])
    alone = environment.get("SLURM_STEP_NUM_NODES", "") == "1"
    address = LOOPBACK if alone else first_host(nodes)
    return Rendezvous(int(environment["SLURM_PROCID"]), size, address, 20_000 + offset % 10_000)


def from_mpi() -> Rendezvous:
    """MPI's ranks; rank 0 chooses a free port and the address at which the other hosts reach it. Raises
    RendezvousError.
    """
    world = join_world()
    hosts = world.allgather(own_host())
    chosen = (own_address(hosts[0], hosts), free_port()) if world.rank == 0 else None
    address, port = world.bcast(chosen)
    return Rendezvous(world.rank, world.size, address, port)


def first_host(nodes: str) -> str:
    """The first name of a Slurm node list, such as ``node007`` of ``node[007-010,020],other``."""
    match = re.match(r"([^,\[]+)(?:\[(\d+)[^\]]*\])?([^,]*)", nodes)
    if match is None:
        raise ValueError(f"no host in Slurm's node list {nodes!r}")
    return match.group(1) + (match.group(2) or "") + match.group(3)


def own_host() -> Host:
    """This host. Images that were copied may all be called "localhost": a network is one of a booted kernel's."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return Host(host_name(), f"{boot}/{Path('/proc/self/ns/net').stat().st_ino}")
    except OSError:
        return Host(host_name(), host_name())


def own_address(own: Host, hosts: Sequence[Host]) -> str:
    """The address of this host at which the others of ``hosts`` reach it; loopback if there are none.

    Raises RendezvousError where there is none.
    """
    others = [host for host in hosts if host.network != own.network]
    if not others:
        return LOOPBACK
    names = [host.name for host in dict.fromkeys(others)]
    found = next(filter(is_outside, map(source_address, names)), None) or first_outside_address()
    if found is None and own.name in (*names, "localhost"):
        networks = len({host.network for host in hosts})
        raise RendezvousError(
            f"the ranks are on {networks} hosts that cannot be told apart ({own.name}), and the first has no address "
            "but the loopback: give the hosts names of their own, or rank 0's host an address that the others reach"
        )
    # It may have one of IPv6's.
    return found or own.name


def is_outside(address: str | None) -> bool:
    """Whether an address means this host also to others. Debian gives a host's own name 127.0.1.1."""
    return address is not None and not address.startswith("127.")


def interface_towards(address: str) -> str | None:
    """The name of the network interface from which this host reaches ``address``; None if there is none known.

    For a name that means this host itself, one that others reach; the loopback's for the loopback's address alone.
    """
    source = source_address(address)
    if address != LOOPBACK and not is_outside(source):
        source = first_outside_address()
    for name, entries in psutil.net_if_addrs().items():
        if any(entry.family == socket.AF_INET and entry.address == source for entry in entries):
            return name
    return None


def source_address(destination: str) -> str | None:
    """This host's IPv4 address on the route to ``destination``. Connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((destination, 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
        return address


def first_outside_address() -> str | None:
    """Any IPv4 address of this host that is up and not loopback."""
    states = psutil.net_if_stats()
    for name, entries in psutil.net_if_addrs().items():
        for entry in entries:
            if entry.family == socket.AF_INET and not entry.address.startswith("127.") and states[name].isup:
                return entry.address
    return None


def free_port() -> int:
    """A TCP port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port
