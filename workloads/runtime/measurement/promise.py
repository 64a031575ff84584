"""The machine that the profile promises beside the one that the ranks find, before the first step.

What would put a number into another machine's history ends the run with one sentence; what might spoil it is a warning.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from orchestrator.records import (
    AcceleratorInventory,
    Compared,
    ComparedNodes,
    NodeInventory,
    compare_node,
    differences,
    group_alike,
    sentence,
)
from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.promise import TAKE_ANOTHER, count_accelerators
from orchestrator.records.settings import ClusterSettings
from workloads.runtime.communicators.base import Communicator
from workloads.runtime.measurement.node import describe_node, hiding_variables
from workloads.runtime.measurement.places import Place


class PromiseError(RuntimeError):
    """The machine is not the one that the profile describes."""


@dataclass(frozen=True)
class Found:
    """What one rank sees. ``device`` is its accelerator's name and UUID, or "cpu"; ``hidden`` are variables that may
    hide others from it.
    """

    host: str
    device: str
    node: NodeInventory
    hidden: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison:
    """The profile beside what all ranks found: warnings in sentences, and what was found, by hosts."""

    warnings: list[str]
    nodes: list[ComparedNodes]


def compare_machine(cluster: ClusterSettings, nodes: int, ranks: Sequence[Found]) -> Comparison:
    """Compare a profile with what all ranks found. Raises PromiseError."""
    by_host: dict[str, list[Found]] = {}
    for rank in ranks:
        by_host.setdefault(rank.host, []).append(rank)
    if not SCHEDULERS[cluster["scheduler"]].here and len(by_host) < nodes:
        raise PromiseError(
            f"planned for {nodes} nodes, and all ranks are on {', '.join(by_host)}: the launcher has not spread them "
            f"(see cluster.launcher and cluster.slurm of cluster={cluster['name']})"
        )
    found: dict[str, list[Compared]] = {}
    for host, members in by_host.items():
        if cluster["accelerators_per_node"]:
            refuse_fewer(cluster, host, members)
        found[host] = compare_node(cluster, node_of(members), used=len(members))
        for wrong in differences(found[host], "error"):
            raise PromiseError(sentence(cluster, host, wrong))
    warnings = [sentence(cluster, host, each) for host in found for each in differences(found[host], "warning")]
    return Comparison(warnings, group_alike(found))


def node_of(ranks: Sequence[Found]) -> NodeInventory:
    """What the ranks of one host see together: a launcher may show each its own accelerators alone."""
    seen: dict[str, AcceleratorInventory] = {}
    for rank in ranks:
        for one in rank.node.get("accelerators", []):
            seen.setdefault(str(one.get("uuid")), one)
    return {**ranks[0].node, "accelerators": [*seen.values()]}


def refuse_fewer(cluster: ClusterSettings, host: str, ranks: Sequence[Found]) -> None:
    """Raise PromiseError where ranks have no accelerator, or share those that there are although more are promised."""
    promised = int(cluster["accelerators_per_node"])
    devices = {rank.device for rank in ranks} - {"cpu"}
    model = cluster["accelerator"]["model"]
    what = f"cluster={cluster['name']} promises {count_accelerators(promised, model)}"
    hidden = dict.fromkeys(word for rank in ranks for word in rank.hidden)
    remedy = f"{', '.join(hidden)} may hide them; {TAKE_ANOTHER}" if hidden else TAKE_ANOTHER
    without = sum(rank.device == "cpu" for rank in ranks)
    if without:
        raise PromiseError(f"{what}, and {without} of {len(ranks)} ranks on {host} find none: {remedy}")
    if len(devices) < min(promised, len(ranks)):
        raise PromiseError(f"{what}, and {len(ranks)} ranks on {host} share {len(devices)}: {remedy}")


def keep_promise(cluster: ClusterSettings, nodes: int, place: Place, communicator: Communicator) -> Comparison:
    """Compare the profile with what the ranks find. Collective; rank 0 has all of it, or raises PromiseError."""
    own = Found(place.host, place.device, describe_node(), hiding_variables())
    texts = communicator.gather_text(json.dumps(asdict(own)))
    if texts is None:
        return Comparison([], [])
    return compare_machine(cluster, nodes, [Found(**json.loads(text)) for text in texts])
