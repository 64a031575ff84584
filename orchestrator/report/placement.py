"""The placement of a run's ranks as a picture: which rank has which cores and which accelerator of which node.

The same for a run that is planned and one that was recorded. Nodes that look alike are drawn once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.launch.dealing import Binding
from orchestrator.records import Layout, RunSpec, World
from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.placement import device_of, seat_ranks
from orchestrator.records.settings import ClusterSettings
from orchestrator.records.topology import Topology, format_cpus, parse_cpus

if TYPE_CHECKING:
    from orchestrator.report.entries.runs import PlacementEntry


@dataclass(frozen=True)
class DrawnCore:
    """A core, by its first hardware thread, and the numbers of the ranks that may run on it."""

    number: int
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class DrawnRank:
    """A rank of the node: its number as it stands in the cores, its cores in words, its device."""

    number: int
    cores: str
    device: str


@dataclass(frozen=True)
class DrawnNode:
    """Nodes that look alike: their names, their cores by NUMA domain, their ranks.

    Ranks of a single node have their own numbers, those of several nodes the numbers within the node.
    """

    hosts: tuple[str, ...]
    domains: tuple[tuple[DrawnCore, ...], ...]
    ranks: tuple[DrawnRank, ...]

    @property
    def title(self) -> str:
        """Return the names of the nodes and how many ranks each has."""
        names = ", ".join(self.hosts[:4]) + (f" and {len(self.hosts) - 4} more" if len(self.hosts) > 4 else "")
        each = " each" if len(self.hosts) > 1 else ""
        return f"{names}: {len(self.ranks)} rank{'s' if len(self.ranks) > 1 else ''}{each}"


def recorded_placement(world: World, nodes: Sequence[int]) -> PlacementEntry | None:
    """Return the placement that the ranks recorded; ``nodes`` are their nodes' numbers. None if it is not whole."""
    hosts, devices, cores = world.get("hosts", []), world.get("devices", []), world.get("cores", [])
    if not len(hosts) == len(devices) == len(cores) == len(nodes) > 0:
        return None
    return {
        "nodes": [int(node) for node in nodes],
        "hosts": hosts,
        "devices": number_devices(hosts, devices),
        "cores": [format_cpus(parse_cpus(text)) for text in cores],
        "layouts": world.get("layouts", []),
        "layout_of_rank": world.get("layout_of_rank", []),
        "unbound": world.get("unbound"),
    }


def planned_placement(
    spec: RunSpec, cluster: ClusterSettings, topology: Topology, binding: Binding | None
) -> PlacementEntry:
    """Return where the ranks will sit. ``binding`` holds their cores on this machine, if they are bound here.

    Of nodes of a scheduler the profile's count of cores is known, and that neighbouring ranks get neighbouring cores.
    """
    here = SCHEDULERS[cluster["scheduler"]].here
    if here:
        hosts = ["this machine"] * spec.ranks
        layout = layout_of(topology)
        bound = list(binding.ranks) if binding is not None else []
        cores = [format_cpus(threads) for threads in bound] or [format_cpus(topology.allowed)] * spec.ranks
    else:
        hosts = [f"node {rank // spec.ranks_per_node}" for rank in range(spec.ranks)]
        each = spec.threads_per_rank
        count = max(int(cluster["cores_per_node"] or 0), spec.ranks_per_node * each)
        layout = [[str(core) for core in range(count)]]
        slots = [rank % spec.ranks_per_node for rank in range(spec.ranks)]
        cores = [format_cpus(tuple(range(slot * each, (slot + 1) * each))) for slot in slots]
    devices = int(cluster["accelerators_per_node"])
    seats = seat_ranks(hosts, spec.ranks_per_node)
    return {
        "nodes": [seat.node for seat in seats],
        "hosts": hosts,
        "devices": [f"accelerator {device_of(seat.slot, devices)}" if devices else "cpu" for seat in seats],
        "cores": cores,
        "layouts": [layout],
        "layout_of_rank": [0] * spec.ranks,
        "unbound": binding.reason or None if binding is not None else None,
    }


def layout_of(topology: Topology) -> Layout:
    """Return a machine's cores by NUMA domain, as ``World`` holds them."""
    domains: dict[int, list[str]] = {}
    for core in topology.cores:
        domains.setdefault(core.domain, []).append(",".join(map(str, core.threads)))
    return list(domains.values())


def draw_nodes(placement: PlacementEntry) -> list[DrawnNode]:
    """Return the drawings of all nodes, those that look alike as one."""
    ranks_of: dict[str, list[int]] = {}
    for rank, host in enumerate(placement["hosts"]):
        ranks_of.setdefault(host, []).append(rank)
    alike: dict[object, list[str]] = {}
    for host, ranks in ranks_of.items():
        seats = tuple((placement["cores"][rank], placement["devices"][rank]) for rank in ranks)
        alike.setdefault((layout_number(placement, ranks[0]), seats), []).append(host)
    return [draw_node(placement, tuple(hosts), ranks_of[hosts[0]]) for hosts in alike.values()]


def draw_node(placement: PlacementEntry, hosts: tuple[str, ...], ranks: Sequence[int]) -> DrawnNode:
    """Return the drawing of one of the nodes, with these ranks."""
    numbers = list(ranks) if len(hosts) == 1 else list(range(len(ranks)))
    held = {
        number: frozenset(parse_cpus(placement["cores"][rank])) for number, rank in zip(numbers, ranks, strict=True)
    }
    layout = layout_number(placement, ranks[0])
    # Version 0.1 did not record the layout: then the cores are those that ranks have.
    known = sorted(frozenset().union(*held.values()))
    domains = placement["layouts"][layout] if layout is not None else [[str(thread) for thread in known]]
    parsed = [[parse_cpus(core) for core in domain] for domain in domains]
    drawn = tuple(
        tuple(
            DrawnCore(threads[0], tuple(number for number in numbers if held[number] & set(threads)))
            for threads in domain
        )
        for domain in parsed
    )
    return DrawnNode(
        hosts,
        drawn,
        tuple(
            DrawnRank(number, cores_text(held[number], parsed), placement["devices"][rank])
            for number, rank in zip(numbers, ranks, strict=True)
        ),
    )


def layout_number(placement: PlacementEntry, rank: int) -> int | None:
    """Return the number of the layout of a rank's node; None if it is not known."""
    numbers, layouts = placement["layout_of_rank"], placement["layouts"]
    if rank >= len(numbers) or not 0 <= numbers[rank] < len(layouts) or not layouts[numbers[rank]]:
        return None
    return numbers[rank]


def cores_text(held: frozenset[int], domains: Sequence[Sequence[tuple[int, ...]]]) -> str:
    """Return "4 cores (0-3), 2 threads each"; the threads by number where a rank does not have all of its cores'."""
    cores = [threads for domain in domains for threads in domain if held & set(threads)]
    firsts, counts = tuple(threads[0] for threads in cores), {len(threads) for threads in cores}
    words = f"{len(firsts)} core{'s' if len(firsts) != 1 else ''} ({format_cpus(firsts)})"
    if set(firsts) == held and counts == {1}:
        return words
    whole = len(counts) == 1 and sum(map(len, cores)) == len(held)
    return f"{words}, {counts.pop()} threads each" if whole else f"{words}, threads {format_cpus(held)}"


def number_devices(hosts: Sequence[str], devices: Sequence[str]) -> list[str]:
    """Return the devices of ranks by name and number on their host, instead of by name and UUID: "NVIDIA H100 #1"."""
    known: dict[str, list[str]] = {}
    named = []
    for host, device in zip(hosts, devices, strict=True):
        found = known.setdefault(host, [])
        if device not in found:
            found.append(device)
        name = device.rpartition(" ")[0]
        named.append(f"{name} #{found.index(device)}" if name else device)
    return named
