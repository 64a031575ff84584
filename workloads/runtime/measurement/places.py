"""The place of each rank (host, device and cores), and the problems with it."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from typing import cast

import torch

from orchestrator.records import Processors, RunSpec, World, host_name
from workloads.runtime.communicators.base import Communicator
from workloads.runtime.memory import keep_freed_memory
from workloads.runtime.processors import describe_processors


@dataclass(frozen=True)
class Place:
    """Where a rank is: ``device`` is its accelerator's name and UUID, or "cpu"; ``cores`` those that it may use."""

    host: str
    node: int
    local_rank: int
    device: str
    cores: tuple[int, ...]


def take_place(spec: RunSpec, rank: int) -> tuple[torch.device, Place]:
    """The device of this rank, taken into use, and where the rank is in the machine."""
    local_rank = rank % spec.ranks_per_node
    device = torch.device("cpu")
    name = "cpu"
    if torch.cuda.is_available():
        device = torch.device("cuda", local_rank % torch.cuda.device_count())
        torch.cuda.set_device(device)
        name = f"{torch.cuda.get_device_name(device)} {torch.cuda.get_device_properties(device).uuid}"
    else:
        keep_freed_memory()
    cores = tuple(sorted(os.sched_getaffinity(0)))
    return device, Place(host_name(), rank // spec.ranks_per_node, local_rank, name, cores)


def describe_world(spec: RunSpec, place: Place, communicator: Communicator, warnings: list[str]) -> World | None:
    """What the ranks run on, on rank 0; None elsewhere. Collective. ``warnings`` gets what several ranks share."""
    hosts = communicator.gather_text(place.host)
    devices = communicator.gather_text(place.device)
    cores = communicator.gather_text(",".join(map(str, place.cores)))
    processors = communicator.gather_text(json.dumps(describe_processors(), sort_keys=True))
    if hosts is None or devices is None or cores is None or processors is None:
        return None
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
        "comm": spec.comm,
        "threads_per_rank": spec.threads_per_rank,
    }
