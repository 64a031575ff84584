"""The machine that the profile promises beside the one that the ranks find, before the first step.

What would put a number into another machine's history ends the run with one sentence; what might spoil it is a warning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from orchestrator.records.settings import ClusterSettings
from workloads.runtime.communicators.base import Communicator
from workloads.runtime.measurement.places import Place
from workloads.runtime.processors import count_units

MODEL = re.compile(r"\b[A-Z]{1,3}\d{2,4}[A-Z]?\b")
"""How accelerators are called: H100, GH200, MI250X, A100, L40S."""


class PromiseError(RuntimeError):
    """The machine is not the one that the profile describes."""


@dataclass(frozen=True)
class Found:
    """What one rank sees. ``device`` is its accelerator's name and UUID, or "cpu"; ``cores`` are its node's."""

    host: str
    device: str
    cores: int | None


def compare_machine(cluster: ClusterSettings, nodes: int, ranks: Sequence[Found]) -> list[str]:
    """Compare a profile with what all ranks found; returns warnings. Raises PromiseError."""
    by_host: dict[str, list[Found]] = {}
    for rank in ranks:
        by_host.setdefault(rank.host, []).append(rank)
    profile = f"cluster={cluster['name']}"
    if cluster["scheduler"] == "slurm" and len(by_host) < nodes:
        raise PromiseError(
            f"planned for {nodes} nodes, and all ranks are on {', '.join(by_host)}: the launcher has not spread them "
            f"(see cluster.launcher and cluster.slurm of {profile})"
        )
    promised = int(cluster["accelerators_per_node"])
    warnings = []
    for host, members in by_host.items():
        devices = {rank.device for rank in members} - {"cpu"}
        if promised:
            refuse_fewer(cluster, host, members)
            wanted, seen = (
                set(MODEL.findall(text)) for text in (cluster["accelerator"]["model"] or "", " ".join(devices))
            )
            if wanted and seen and not wanted & seen:
                warnings.append(
                    f"{profile} promises {cluster['accelerator']['model']}, {host} has {sorted(devices)[0]}: its peaks "
                    "and its history are another accelerator's"
                )
        elif devices and cluster["scheduler"] == "slurm":
            warnings.append(
                f"{profile} promises no accelerator, and {host} computes on {sorted(devices)[0]}: set "
                "cluster.accelerators_per_node"
            )
        cores, said = members[0].cores, cluster["cores_per_node"]
        if said and cores is not None and cores < said:
            warnings.append(
                f"{profile} promises {said} cores a node, {host} has {cores}: correct cluster.cores_per_node"
            )
    return warnings


def refuse_fewer(cluster: ClusterSettings, host: str, ranks: Sequence[Found]) -> None:
    """Raise PromiseError where ranks have no accelerator, or share those that there are although more are promised."""
    promised = int(cluster["accelerators_per_node"])
    devices = {rank.device for rank in ranks} - {"cpu"}
    model = cluster["accelerator"]["model"]
    what = f"cluster={cluster['name']} promises {promised} accelerators a node" + (f" ({model})" if model else "")
    remedy = "take the profile of this machine; for processors alone set cluster.accelerators_per_node=0"
    without = sum(rank.device == "cpu" for rank in ranks)
    if without:
        raise PromiseError(f"{what}, and {without} of {len(ranks)} ranks on {host} find none: {remedy}")
    if len(devices) < min(promised, len(ranks)):
        raise PromiseError(f"{what}, and {len(ranks)} ranks on {host} share {len(devices)}: {remedy}")


def keep_promise(cluster: ClusterSettings, nodes: int, place: Place, communicator: Communicator) -> list[str]:
    """Compare the profile with what the ranks find. Collective; rank 0 returns the warnings, or raises PromiseError."""
    own = Found(place.host, place.device, count_units()["cores"])
    texts = communicator.gather_text(json.dumps(asdict(own)))
    return [] if texts is None else compare_machine(cluster, nodes, [Found(**json.loads(text)) for text in texts])
