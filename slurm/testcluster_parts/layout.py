"""Where the test cluster keeps its things, and what shape it has."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

STATE = Path("/run/testcluster")
LOGS = STATE / "log"
CONFIGURATION = STATE / "etc" / "slurm.conf"
DEFAULT_CONFIGURATION = Path("/etc/slurm/slurm.conf")
SHAPE_FILE = STATE / "shape.json"

CLUSTER = "testcluster"
BRIDGE = "testcluster0"
# 198.18.0.0/15 is set aside for benchmarking networks, so it collides with no network a machine is on.
SUBNET = "198.18.7"
CONTROLLER_ADDRESS = f"{SUBNET}.254"
MOST_NODES = 64

# Other ports than Slurm's defaults, so that a Slurm already on this machine is not in the way.
CONTROLLER_PORT, NODE_PORT, ACCOUNTING_PORT = 26817, 26818, 26819


class TestclusterError(Exception):
    """What went wrong, in words for the person who typed the command."""

    __test__ = False


@dataclass(frozen=True)
class Node:
    """One node of the cluster: a name, an address and a folder for its state."""

    name: str
    address: str

    @property
    def folder(self) -> Path:
        """The folder that holds this node's state."""
        return STATE / "nodes" / self.name

    @property
    def network(self) -> Path:
        """The file that keeps this node's network namespace (and its identity) alive."""
        return self.folder / "network"

    @property
    def link(self) -> str:
        """The bridge's end of the cable to this node."""
        return f"{CLUSTER[:4]}-{self.name}"


@dataclass(frozen=True)
class Shape:
    """How many nodes the cluster has, and what each claims to have; ``threaded`` more have two threads a core."""

    nodes: int
    cpus: int
    memory_mib: int
    threaded: int = 0

    def plain(self) -> list[Node]:
        """The nodes whose cores have one thread, n1 first."""
        return [Node(f"n{number}", f"{SUBNET}.{number}") for number in range(1, self.nodes + 1)]

    def with_threads(self) -> list[Node]:
        """The nodes whose cores have two threads, t1 first."""
        return [Node(f"t{number}", f"{SUBNET}.{MOST_NODES + number}") for number in range(1, self.threaded + 1)]

    def members(self) -> list[Node]:
        """All nodes, n1 first."""
        return [*self.plain(), *self.with_threads()]

    def node(self, name: str) -> Node:
        """The node of that name."""
        names = [node.name for node in self.members()]
        if name in names:
            return self.members()[names.index(name)]
        raise TestclusterError(f"there is no node {name!r}: this cluster has {', '.join(names)}")

    def save(self) -> None:
        """Write the shape down, so that later commands know it."""
        SHAPE_FILE.write_text(json.dumps(asdict(self)))


def planned_shape(nodes: int, cpus: int, threaded: int) -> Shape:
    """A shape that shares this machine's memory out among the nodes."""
    machine_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return Shape(nodes, cpus, max(2000, machine_mib // nodes), threaded)


def recorded_shape() -> Shape | None:
    """The shape of the cluster that is (or was being) made, None if there is none."""
    try:
        return Shape(**json.loads(SHAPE_FILE.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def controller_name() -> str:
    """The name of this machine, on which slurmctld runs."""
    return socket.gethostname().split(".")[0]
