"""The placement of ranks as text, for a terminal of 80 columns: a letter or digit for each core."""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from orchestrator.records.topology import format_cpus
from orchestrator.report.placement import DrawnCore, DrawnNode, draw_nodes

if TYPE_CHECKING:
    from orchestrator.report.entries.runs import PlacementEntry

SIGNS = string.digits + string.ascii_letters
FREE, SEVERAL = "·", "*"
A_LINE, A_GROUP = 64, 8
"""Cores in a line of text, and between two gaps."""
MOST_RANKS = 16
MOST_NODES = 8


def placement_lines(placement: PlacementEntry) -> list[str]:
    """Return the lines of the picture."""
    nodes = draw_nodes(placement)
    lines = [line for node in nodes[:MOST_NODES] for line in node_lines(node)]
    if len(nodes) > MOST_NODES:
        lines.append(f"and {len(nodes) - MOST_NODES} more kinds of node")
    if placement["unbound"]:
        lines.append(placement["unbound"])
    return lines


def node_lines(node: DrawnNode) -> Iterator[str]:
    """Yield the lines of one drawing."""
    yield node.title
    for number, domain in enumerate(node.domains):
        name = f"NUMA {number}, " if len(node.domains) > 1 else ""
        yield f"  {name}cores {format_cpus(tuple(core.number for core in domain))}"
        yield from (f"    {line}" for line in core_lines(domain))
    several = any(len(core.ranks) > 1 for domain in node.domains for core in domain)
    free = any(not core.ranks for domain in node.domains for core in domain)
    signs = [f"{SEVERAL} several ranks"] * several + [f"{FREE} no rank"] * free
    if signs:
        yield "  " + ", ".join(signs)
    for rank in node.ranks[:MOST_RANKS]:
        device = "" if rank.device == "cpu" else f", {rank.device}"
        yield f"  {sign_of(rank.number)} rank {rank.number}: {rank.cores}{device}"
    if len(node.ranks) > MOST_RANKS:
        yield f"  and {len(node.ranks) - MOST_RANKS} more ranks"


def core_lines(cores: Sequence[DrawnCore]) -> Iterator[str]:
    """Yield lines with a sign for each core."""
    signs = "".join(sign_of_core(core) for core in cores)
    for first in range(0, len(signs), A_LINE):
        line = signs[first : first + A_LINE]
        yield " ".join(line[start : start + A_GROUP] for start in range(0, len(line), A_GROUP))


def sign_of_core(core: DrawnCore) -> str:
    """Return the sign that stands for a core's ranks."""
    return FREE if not core.ranks else SEVERAL if len(core.ranks) > 1 else sign_of(core.ranks[0])


def sign_of(rank: int) -> str:
    """Return the sign that stands for a rank."""
    return SIGNS[rank % len(SIGNS)]
