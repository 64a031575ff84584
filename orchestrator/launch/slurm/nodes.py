"""The nodes of Slurm: their lists of names, and their states (sinfo(1), "NODE STATE CODES")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.launch.slurm.commands import Answer, query_slurm

TAKING_JOBS = frozenset(
    {"idle", "mixed", "allocated", "completing", "reserved", "planned", "blocked", "perfctrs", "npc", "reboot",
     "powered_down", "powering_down", "power_down", "powering_up", "power_up"}
)  # fmt: skip
"""States in which a node takes jobs, now or later: Slurm boots one that sleeps to save power."""
HARMLESS = frozenset(
    {"cloud", "completing", "planned", "reserved", "powering_up", "power_up", "powered_down", "power_down",
     "powering_down", "dynamic_norm", "reboot_requested", "reboot_canceled", "blocked", "perfctrs"}
)  # fmt: skip
"""Flags after a state, as in "idle+cloud", that do not keep jobs away for good. All other flags do."""
SUFFIXES = "*~#!%$@^-"
OUT_OF_SERVICE_SUFFIXES = "*$^"
"""Suffixes of nodes that do not answer, are under maintenance, or are rebooting. Other suffixes mean power saving, a
reboot to come, or a planned job.
"""


@dataclass(frozen=True)
class NodeState:
    """The state of a node; ``word`` is without suffixes and flags."""

    word: str
    flags: frozenset[str]
    suffix: str

    @classmethod
    def parse(cls, text: str) -> NodeState:
        """Return the state of "mixed-", "idle~", "IDLE+DRAIN" and similar texts."""
        found = re.fullmatch(rf"([^{re.escape(SUFFIXES)}]*)([{re.escape(SUFFIXES)}]*)", text.strip().lower())
        words, suffix = (found[1], found[2]) if found else (text.strip().lower(), "")
        # "allocated+" alone has jobs that complete.
        word, *flags = words.split("+")
        return cls(word, frozenset(filter(None, flags)), suffix)

    @property
    def in_service(self) -> bool:
        """Whether the node takes jobs, now or later."""
        answers = not set(self.suffix) & set(OUT_OF_SERVICE_SUFFIXES)
        return answers and self.word in TAKING_JOBS and self.flags <= HARMLESS


def query_nodes(partition: str | None, cluster: str | None = None) -> Answer:
    """Run sinfo for the nodes of a partition, or of the default one; a line for each has name and state."""
    named = ["--partition", partition] if partition else []
    return query_slurm(["sinfo", "--noheader", "--Node", "--format=%N|%T", *named], cluster=cluster)


def expand_node_list(text: str) -> list[str]:
    """Return the names in a list such as ``node[007-010,020],other``, expanded by Slurm itself."""
    if not re.search(r"[\[,]", text):
        return [text] if text else []
    return (query_slurm(["scontrol", "show", "hostnames", text]).text or text).split()


def failed_among(
    nodes: str, states: Iterable[str] = ("down", "fail"), seconds: float = 30.0, cluster: str | None = None
) -> list[str]:
    """Return those of a list of nodes that are in one of the states; none if Slurm does not answer."""
    if not nodes or nodes == "None assigned":
        return []
    words = ["sinfo", "--noheader", "--Node", f"--states={','.join(states)}", f"--nodes={nodes}", "--format=%N"]
    return list(dict.fromkeys((query_slurm(words, seconds, cluster=cluster).text or "").split()))
