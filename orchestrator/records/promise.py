"""What a cluster profile promises of a node, beside what was found there.

One comparison for all who make it: ``plan``, the check before a submission, the ranks before their first step,
``doctor``, acceptance and the pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.inventory import AcceleratorInventory, NodeInventory
from orchestrator.records.settings import AcceleratorSettings, ClusterSettings

MODEL = re.compile(r"\b(?!SXM|HBM)[A-Z]{1,3} ?\d{1,4}[A-Z]?\b")
"""How accelerators are called: H100, GH200, MI250X, L40S, L4, RTX 4090."""
FORM = re.compile(r"\b(SXM|PCIE|NVL|OAM)\d?\b", re.IGNORECASE)
"""How they are built in: the same name has other clocks and links in another form."""
QUALIFIER = re.compile(r"\b(?:Ti|SUPER|Ada|Blackwell|Laptop|Mobile|Max-Q)\b", re.IGNORECASE)
"""Words behind a model that make it another one: RTX 4090 Laptop, RTX 3080 Ti, RTX 6000 Ada."""
SIZE = re.compile(r"(\d+) ?GB\b")
"""Memory in a model's name."""
SUPERCHIP = re.compile(r"\bG[BH]\d+")
"""The size in the name of one is its processor's memory: NVIDIA GH200 120GB."""
PART = re.compile(r"\bMIG \d+[a-z][\w.+]*")
"""What NVIDIA calls a part of one that MIG has divided: "NVIDIA A100-SXM4-40GB MIG 1g.5gb"."""
LEAST_MEMORY = 0.9
"""Share of the nominal memory that a whole node has left beside its firmware and its kernel."""
MOST_RESERVED = 1 / 8
"""Share of a node's cores that its system may keep for itself, so that a profile rightly promises fewer."""
MOST_MEMORY = 1.1
"""Share of the nominal memory beyond which a node has modules that were not promised."""
SAME_MEMORY = 0.1
"""By how much of the nominal one the memory of the same accelerator differs between tools."""
TAKE_ANOTHER = "take the profile of this machine; cluster=local is its processors alone, and whatever is there"

State = Literal["ok", "warning", "error"]


class Compared(TypedDict):
    """One thing that a profile can promise. ``promised`` is null where it does not; ``state`` is "error" where the
    number of a run would be another machine's, "warning" where it might be. ``remedy`` says what to do about either.
    """

    what: str
    promised: str | None
    found: str
    state: State
    remedy: str


class ComparedNodes(TypedDict):
    """What was found alike on some hosts."""

    hosts: list[str]
    compared: list[Compared]


def compare_node(cluster: ClusterSettings, node: NodeInventory, used: int | None = None) -> list[Compared]:
    """Compare a profile with one node. What the node does not tell is left out.

    ``used``: how many accelerators a run needs there, where that is fewer than there should be.
    """
    return [
        *compare_architecture(cluster, node),
        *compare_cores(cluster, node),
        *compare_memory(cluster, node),
        *compare_accelerators(cluster, node.get("accelerators"), used),
        *compare_interface(cluster, node),
    ]


def row(
    what: str, promised: str | None, found: str, differs: bool = False, state: State = "warning", remedy: str = ""
) -> Compared:
    """A comparison; ``state`` and ``remedy`` count where it ``differs``."""
    bad = differs and promised is not None
    return {
        "what": what,
        "promised": promised,
        "found": found,
        "state": state if bad else "ok",
        "remedy": remedy if bad else "",
    }


def compare_architecture(cluster: ClusterSettings, node: NodeInventory) -> list[Compared]:
    """The processors' instruction set: a run on another one is another machine's."""
    found, promised = node.get("processor", {}).get("architecture"), cluster.get("architecture")
    remedy = "take the profile of this machine, or correct cluster.architecture"
    return [row("architecture", promised, found, found != promised, "error", remedy)] if found else []


def compare_cores(cluster: ClusterSettings, node: NodeInventory) -> list[Compared]:
    """Physical cores. Of more than promised some idle, or the node is another one. "Nodes" that are one machine see
    all of its cores.
    """
    found, promised = node.get("processor", {}).get("cores"), cluster["cores_per_node"]
    if found is None:
        return []
    text = f"{promised} cores a node" if promised else None
    more = (promised or found) < (1 - MOST_RESERVED) * found and not cluster.get("one_machine")
    remedy = "correct cluster.cores_per_node" + (", or these idle" if more else "")
    return [row("cores", text, str(found), found < (promised or 0) or more, remedy=remedy)]


def compare_memory(cluster: ClusterSettings, node: NodeInventory) -> list[Compared]:
    """The node's own memory: a module that is missing makes it slower, too, and one more is another node's."""
    found, promised = node.get("memory_gib"), cluster.get("memory_gib_per_node")
    if found is None:
        return []
    text = f"{promised:g} GiB of memory a node" if promised else None
    few, many = found < LEAST_MEMORY * (promised or 0), found > MOST_MEMORY * (promised or found)
    remedy = ("have its memory looked at, or " if few else "") + "correct cluster.memory_gib_per_node"
    return [row("memory", text, f"{found:g} GiB", few or many, remedy=remedy)]


def count_accelerators(promised: int, model: str | None) -> str:
    """What a profile says of a node: "2 accelerators a node (NVIDIA H100)"."""
    return f"{promised} accelerator{'' if promised == 1 else 's'} a node" + (f" ({model})" if model else "")


def compare_accelerators(
    cluster: ClusterSettings, found: Sequence[AcceleratorInventory] | None, used: int | None
) -> list[Compared]:
    """How many accelerators, of which kind, with how much memory, and whether they have units for bfloat16."""
    if found is None:
        return []
    promised, stated = int(cluster["accelerators_per_node"]), cluster["accelerator"]
    silent = [one["error"] for one in found if "error" in one]
    there = [one for one in found if "error" not in one]
    names = ", ".join(dict.fromkeys(str(one.get("name")) for one in there))
    if not promised:
        wrong = bool(there) and not SCHEDULERS[cluster["scheduler"]].here
        text, promise = f"{len(there)} ({names})" if there else "none", "no accelerator" if wrong else None
        return [row("accelerators", promise, text, wrong, remedy="set cluster.accelerators_per_node")]
    model = stated["model"]
    text = count_accelerators(promised, model)
    told = f"{len(there)}" + "".join(f"; one does not answer: {error}" for error in silent)
    wanted = promised if used is None else min(promised, used)
    if len(there) > promised and not SCHEDULERS[cluster["scheduler"]].here:
        rows = [row("accelerators", text, told, True, remedy="correct cluster.accelerators_per_node, or these idle")]
    else:
        rows = [row("accelerators", text, told, len(there) < wanted, "error", TAKE_ANOTHER)]
    if there:
        rows.append(compare_kind(model or "", names))
    sizes = [size for one in there if (size := mebibytes(one)) is not None]
    if sizes:
        nominal, least = nominal_memory(stated), min(sizes) / 1024
        other = abs(least - (nominal or 0)) > SAME_MEMORY * (nominal or 0)
        promise = f"{nominal:g} GiB an accelerator" if nominal else None
        remedy = "it is another card, or a part of one: take its own profile, or correct cluster.accelerator"
        rows.append(row("memory of an accelerator", promise, f"{least:.1f} GiB", other, "error", remedy))
    able = [one["bfloat16"] for one in there if "bfloat16" in one]
    if able:
        promise = "units for bfloat16" if stated["peak_bf16_tflops"] else None
        remedy = "benchmark.training.precision=bfloat16 is slow there; correct cluster.accelerator.peak_bf16_tflops"
        rows.append(row("precision", promise, "units" if all(able) else "none", not all(able), remedy=remedy))
    return rows


def compare_kind(promised: str, found: str) -> Compared:
    """The names of accelerators: another name, another part of one, or another form where both tell it, is another
    machine's number. Where a name holds no model that is known by its form, its words are compared.
    """
    words, seen = set(MODEL.findall(promised)), set(MODEL.findall(found))
    if promised and set(PART.findall(promised)) != set(PART.findall(found)):
        remedy = "a part of an accelerator is another one, and its number another machine's: take its own profile"
        return row("accelerator", promised, found, True, "error", remedy)
    forms, seen_forms = ({form.upper() for form in FORM.findall(names)} for names in (promised, found))
    qualified, as_seen = ({word.lower() for word in QUALIFIER.findall(names)} for names in (promised, found))
    other = bool(words and seen and not words & seen) or bool(forms and seen_forms and not forms & seen_forms)
    other = other or bool(words and seen and qualified != as_seen)
    unknown = bool(words and not seen) or bool(not words and not words_of(promised) <= words_of(found))
    if unknown:
        remedy = "what it is cannot be told by that name: compare it with cluster.accelerator.model"
        return row("accelerator", promised, found or "one without a name", unknown, remedy=remedy)
    remedy = "its peaks and its history are another accelerator's: take its own profile"
    return row("accelerator", promised or None, found, other, "error", remedy)


def words_of(name: str) -> set[str]:
    """The words of a name, without what makers add to theirs."""
    return set(re.findall(r"\w+", re.sub(r"\((?:R|TM|C)\)", " ", name).lower()))


def nominal_memory(stated: AcceleratorSettings) -> float | None:
    """GiB of an accelerator as the profile states it, or else as the model's name does."""
    model = stated["model"] or ""
    named = None if SUPERCHIP.search(model) else SIZE.search(model)
    return stated["memory_gib"] or (float(named[1]) if named else None)


def mebibytes(accelerator: AcceleratorInventory) -> float | None:
    """Its memory; the vendors' tools write it as text."""
    try:
        return float(accelerator.get("memory_mib") or "")
    except ValueError:
        return None


def compare_interface(cluster: ClusterSettings, node: NodeInventory) -> list[Compared]:
    """The interface to other nodes: without it they are reached by another, slower way."""
    interfaces, promised = node.get("network"), cluster["interconnect"]["interface"]
    if interfaces is None:
        return []
    names = [str(one.get("name")) for one in interfaces]
    remedy = "nodes are reached by another interface: correct cluster.interconnect.interface, or ask its operators"
    text = f"interface {promised}" if promised else None
    return [row("interface", text, ", ".join(names) or "none", promised not in names, remedy=remedy)]


def sentence(cluster: Mapping[str, Any], where: str, compared: Compared) -> str:
    """What differs in one sentence: "cluster=a promises 96 cores a node, n1 has 64: correct …"."""
    promise = f"cluster={cluster['name']} promises {compared['promised']}"
    return f"{promise}, {where} has {compared['found']}: {compared['remedy']}"


def differences(compared: Sequence[Compared], state: State) -> list[Compared]:
    """Those of a state."""
    return [one for one in compared if one["state"] == state]


def group_alike(found: Mapping[str, list[Compared]]) -> list[ComparedNodes]:
    """Hosts on which the same was found, together."""
    groups: list[ComparedNodes] = []
    for host, compared in found.items():
        alike = next((group for group in groups if group["compared"] == compared), None)
        if alike is None:
            groups.append({"hosts": [host], "compared": compared})
        else:
            alike["hosts"].append(host)
    return groups
