"""Where the ranks of a run sit: which node, cores and accelerator each takes. Pure rules, the same for both sides.

Who carries them out depends on the machine. On this machine the supervisor of a run deals out cores, and each rank
binds itself. Under Slurm srun, or Open MPI's mpirun, binds ranks; these are asked for neighbouring ranks and whole
cores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.records.topology import Core, format_cpus, parse_cpus

CORES_VARIABLE = "ORCHESTRATOR_CORES"
"""Hardware threads of each rank of a node, by which it binds itself: "0,64;1,65"."""
DEVICES_VARIABLE = "ORCHESTRATOR_DEVICES"
"""Number of each rank's accelerator among those that are visible: "2,3", or ``SHARED``."""
SHARED = "shared"
"""Instead of numbers: other runs have them, and the ranks take theirs beside those."""
UNBOUND_VARIABLE = "ORCHESTRATOR_UNBOUND"
"""Why ranks have no cores or accelerators of their own that should, in words."""


class PlacementError(RuntimeError):
    """The launcher has put the ranks elsewhere than planned."""


@dataclass(frozen=True)
class Seat:
    """A rank's node in the plan, its number there, and its number on its host (which may hold several "nodes")."""

    node: int
    local_rank: int
    slot: int


def deal_cores(cores: Sequence[Core], ranks: int, each: int) -> list[tuple[Core, ...]] | None:
    """Give every rank ``each`` cores of its own; None if there are not enough.

    Ranks are spread in blocks over the NUMA domains, and a rank's cores are of one domain where one has room. A core
    keeps all its threads, so no rank gets the other thread of a core that computes for a neighbour.
    """
    if ranks * each > len(cores):
        return None
    free: dict[int, list[Core]] = {}
    for core in cores:
        free.setdefault(core.domain, []).append(core)
    names = sorted(free)
    dealt = []
    for rank in range(ranks):
        preferred = names[rank * len(names) // ranks]
        domains = sorted(names, key=lambda name: (len(free[name]) < each, name != preferred, name))
        pool = [core for name in domains for core in free[name]][:each]
        for core in pool:
            free[core.domain].remove(core)
        dealt.append(tuple(sorted(pool, key=lambda core: (core.domain, core.number))))
    return dealt


def threads_of(cores: Sequence[Core]) -> tuple[int, ...]:
    """Return all hardware threads of some cores."""
    return tuple(sorted(thread for core in cores for thread in core.threads))


def format_cores(ranks: Sequence[Sequence[int]]) -> str:
    """Return the value of ``CORES_VARIABLE`` for the hardware threads of each rank."""
    return ";".join(format_cpus(tuple(threads)) for threads in ranks)


def parse_cores(text: str, slot: int) -> tuple[int, ...]:
    """Return the hardware threads of the rank with that number on its host; none if the value holds none for it."""
    parts = text.split(";")
    return parse_cpus(parts[slot]) if slot < len(parts) else ()


def seat_ranks(hosts: Sequence[str], ranks_per_node: int) -> list[Seat]:
    """Return the seat of each rank from the hosts of all, in the order of ranks.

    Where each host holds as many ranks as a node has, hosts are the nodes. Elsewhere, as on one machine that holds all
    "nodes", a node is that many ranks in a row.
    """
    counts = Counter(hosts)
    hosts_are_nodes = set(counts.values()) == {ranks_per_node}
    numbers = {host: number for number, host in enumerate(counts)}
    slots: Counter[str] = Counter()
    seats = []
    for rank, host in enumerate(hosts):
        slot = slots[host]
        slots[host] += 1
        if hosts_are_nodes:
            seats.append(Seat(numbers[host], slot, slot))
        else:
            seats.append(Seat(rank // ranks_per_node, rank % ranks_per_node, slot))
    return seats


def refuse_scattered(hosts: Sequence[str], nodes: int, ranks_per_node: int) -> None:
    """Raise PlacementError unless the ranks of each host are neighbours and as many as planned.

    Reports and probes take ranks in blocks of ``ranks_per_node``. For machines whose nodes are hosts of their own.
    """
    counts = Counter(hosts)
    if len(counts) < nodes:
        return
    if set(counts.values()) != {ranks_per_node}:
        found = ", ".join(f"{count} on {host}" for host, count in counts.items())
        raise PlacementError(
            f"planned are {ranks_per_node} ranks on each node, and the launcher put {found}: remove what places ranks "
            "from cluster.launcher_options"
        )
    blocks = [host for host in counts for _ in range(ranks_per_node)]
    if list(hosts) != blocks:
        first = next(iter(counts))
        ranks = [str(rank) for rank, host in enumerate(hosts) if host == first]
        raise PlacementError(
            f"ranks {', '.join(ranks)} are on {first}: ranks of a node must be neighbours. Remove a cyclic "
            "distribution from cluster.launcher_options"
        )


def device_of(slot: int, devices: int, dealt: str = "") -> int:
    """Return the number of the accelerator that a rank takes of those that it sees: its host's in turn, unless they
    were ``dealt`` out (a value of ``DEVICES_VARIABLE``).
    """
    numbers = parse_devices(dealt)
    return (numbers[slot] if slot < len(numbers) else slot) % devices


def parse_devices(text: str) -> list[int]:
    """Return the numbers in a value of ``DEVICES_VARIABLE``."""
    return [int(word) for word in text.split(",") if word.isdecimal()]
