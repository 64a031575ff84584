"""Which nodes a machine has, and which of them are in service, as its scheduler says."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import UsageError

IN_SERVICE = ("idle", "mixed", "allocated", "completing", "reserved", "planned")
"""Slurm's node states (sinfo(1)) in which a node takes jobs, now or later. A "*" behind one: it does not answer."""
QUERY_SECONDS = 30


@dataclass(frozen=True)
class Nodes:
    """``states`` by node, None where nobody keeps a list; ``out_of_service``, and those ``left_out`` by choice."""

    states: dict[str, str] | None
    out_of_service: list[str]
    left_out: list[str]

    @property
    def usable(self) -> list[str]:
        """In service and not left out."""
        return [name for name in self.states or {} if name not in {*self.out_of_service, *self.left_out}]


def nodes_of(cluster: Mapping[str, Any]) -> Nodes:
    """The nodes of the profile's partition. Raises UsageError where Slurm does not answer."""
    if cluster["scheduler"] != "slurm":
        return Nodes(None, [], [])
    if shutil.which("sinfo") is None:
        raise UsageError(f"cluster={cluster['name']} needs Slurm, and there is no sinfo here.")
    partition = cluster["slurm"]["partition"]
    words = ["sinfo", "--noheader", "--Node", "--format=%N|%T", *(["--partition", partition] if partition else [])]
    states = dict(line.split("|", 1) for line in ask(words).splitlines() if "|" in line)
    excluded = cluster["slurm"]["exclude"]
    left_out = ask(["scontrol", "show", "hostnames", excluded]).split() if excluded else []
    return Nodes(states, [name for name, state in states.items() if state not in IN_SERVICE], left_out)


def ask(words: list[str]) -> str:
    """A Slurm command's answer."""
    try:
        answer = subprocess.run(words, capture_output=True, encoding="utf-8", errors="replace", timeout=QUERY_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{words[0]} gave no answer within {QUERY_SECONDS} s: is slurmctld up?") from error
    if answer.returncode != 0:
        raise UsageError(f"{words[0]}: {answer.stderr.strip() or answer.returncode}")
    return answer.stdout
