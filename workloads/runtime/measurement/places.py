"""The place of each rank (host, device and cores), and the problems with it."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from typing import cast

from orchestrator.records import Layout, Processors, RunSpec, World, host_name
from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.placement import DEVICES_VARIABLE, device_of, refuse_scattered, seat_ranks
from orchestrator.records.processors import describe_processors
from orchestrator.records.topology import read_cores
from workloads.runtime.binding import Cores
from workloads.runtime.communicators.base import Communicator
from workloads.runtime.measurement.node import may_have_accelerators
from workloads.runtime.memory import keep_freed_memory


@dataclass(frozen=True)
class Place:
    """Where a rank is: ``device`` is its accelerator's name and UUID, or "cpu"; ``cores`` the hardware threads that it
    had when it started.
    """

    host: str
    node: int
    local_rank: int
    device: str
    cores: tuple[int, ...]


def take_place(spec: RunSpec, scheduler: str, cores: Cores, communicator: Communicator) -> tuple[str, Place]:
    """Torch's name of this rank's device, taken into use, and where the rank is in the machine. Collective.

    Raises PlacementError where the launcher has put the ranks elsewhere than planned.
    """
    hosts = gather_everywhere(host_name(), communicator)
    if not SCHEDULERS[scheduler].here:
        refuse_scattered(hosts, spec.nodes, spec.ranks_per_node)
    seat = seat_ranks(hosts, spec.ranks_per_node)[communicator.rank]
    device, name = take_accelerator(seat.slot) or ("cpu", "cpu")
    if device == "cpu":
        keep_freed_memory()
    return device, Place(hosts[communicator.rank], seat.node, seat.local_rank, name, cores.bound)


def take_accelerator(slot: int) -> tuple[str, str] | None:
    """Torch's name of the accelerator of the node's ``slot``, taken into use, and its own name; None without any."""
    if not may_have_accelerators():
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    number = device_of(slot, torch.cuda.device_count(), os.environ.get(DEVICES_VARIABLE, ""))
    device = torch.device("cuda", number)
    torch.cuda.set_device(device)
    return str(device), f"{torch.cuda.get_device_name(device)} {torch.cuda.get_device_properties(device).uuid}"


def gather_everywhere(text: str, communicator: Communicator) -> list[str]:
    """The ranks' texts in order, on every rank. Collective."""
    texts: list[str] = json.loads(communicator.broadcast_text(json.dumps(communicator.gather_text(text))))
    return texts


def describe_world(
    spec: RunSpec, place: Place, own: Cores, communicator: Communicator, warnings: list[str]
) -> World | None:
    """What the ranks run on, on rank 0; None elsewhere. Collective. ``warnings`` gets what several ranks share, and
    cores that are not as they were dealt out.
    """
    hosts = communicator.gather_text(place.host)
    devices = communicator.gather_text(place.device)
    cores = communicator.gather_text(",".join(map(str, place.cores)))
    processors = communicator.gather_text(json.dumps(describe_processors(), sort_keys=True))
    layouts = communicator.gather_text(json.dumps(own_layout()))
    changes = communicator.gather_text(own.change())
    if not (hosts and devices and cores and processors and layouts and changes):
        return None
    warnings += filter(None, [own.trouble])
    warnings += [f"rank {rank} had {change}" for rank, change in enumerate(changes) if change]
    for kind, held in (("accelerator", devices), ("cores", cores)):
        owners: dict[tuple[str, str], list[int]] = {}
        for rank, what in enumerate(zip(hosts, held, strict=True)):
            owners.setdefault(what, []).append(rank)
        shared = {what: ranks for what, ranks in owners.items() if len(ranks) > 1 and what[1] != "cpu"}
        for (host, name), ranks in shared.items():
            warnings.append(f"ranks {', '.join(map(str, ranks))} share {kind} {name} on {host}")
    kinds: list[Processors] = [
        {**cast(Processors, json.loads(kind)), "ranks": count} for kind, count in Counter(processors).items()
    ]
    return {
        "ranks": spec.ranks,
        "nodes": spec.nodes,
        "hosts": hosts,
        "devices": devices,
        "cores": cores,
        "processors": kinds,
        "layouts": [json.loads(text) for text in dict.fromkeys(layouts)],
        "layout_of_rank": [list(dict.fromkeys(layouts)).index(text) for text in layouts],
        "unbound": own.trouble or None,
        "usable_cores": own.usable,
        "comm": spec.comm,
        "threads_per_rank": spec.threads_per_rank,
    }


def own_layout() -> Layout:
    """The cores of this node by NUMA domain, as ``World`` holds them; none where the kernel does not tell."""
    domains: dict[int, list[str]] = {}
    for core in read_cores():
        domains.setdefault(core.domain, []).append(",".join(map(str, core.threads)))
    return list(domains.values())
