"""What a partition of Slurm takes: its most nodes and its longest time for a job, and whether it is up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.launch.slurm.parameters import cluster_named
from orchestrator.records.settings import ClusterSettings


@dataclass(frozen=True)
class Partition:
    """A partition as sinfo shows it; ``minutes`` and ``most`` are None where it sets no limit."""

    name: str
    default: bool
    up: bool
    minutes: float | None
    least: int
    most: int | None
    nodes: int

    @classmethod
    def parse(cls, line: str) -> Partition | None:
        """Return the partition in a line of FORMAT; None if it is none."""
        fields = [field.strip() for field in line.split("|")]
        nodes = count_of(fields[-1])
        if len(fields) != 5 or nodes is None:
            return None
        name, up, time, size, _ = fields
        least, dash, most = size.partition("-")
        return cls(
            name.rstrip("*"), name.endswith("*"), up == "up", minutes_of(time), count_of(least) or 1,
            count_of(most if dash else least), nodes,
        )  # fmt: skip

    def refuses(self, nodes: int, minutes: int) -> str | None:
        """Return why no job of so many nodes and minutes can ever run here, with the remedy; None if one can."""
        most = self.nodes if self.most is None else min(self.most, self.nodes)
        if nodes > most:
            return f"nodes={nodes}: partition {self.name} takes jobs of up to {most} nodes; set nodes={most} or fewer"
        if nodes < self.least:
            least = self.least
            return f"nodes={nodes}: partition {self.name} takes jobs of {least} nodes or more; set nodes={least}"
        if self.minutes is not None and minutes > self.minutes:
            return (
                f"cluster.limits.time_min={minutes}: partition {self.name} takes jobs of up to {self.minutes:g} min; "
                f"set cluster.limits.time_min={self.minutes:g} or less"
            )
        return None


FORMAT = "%P|%a|%l|%s|%D"
"""sinfo's fields: name, availability, time limit, sizes of jobs, nodes."""


def count_of(text: str) -> int | None:
    """Return the number in "12" or "2K", as Slurm writes 2048; None for "infinite" and the like."""
    found = re.fullmatch(r"(\d+)([KM]?)", text)
    return int(found[1]) * {"": 1, "K": 1024, "M": 1024**2}[found[2]] if found else None


def minutes_of(text: str) -> float | None:
    """Return the minutes of "1-00:00:00", "2:00:00" or "30:00"; None for "infinite" and the like."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return days * 1440 + hours * 60 + minutes + seconds / 60


def query_partitions(cluster: ClusterSettings) -> list[Partition] | None:
    """Return all partitions of a profile's machine, hidden ones too; None if Slurm does not answer."""
    answer = query_slurm(["sinfo", "--noheader", "--all", f"--format={FORMAT}"], cluster=cluster_named(cluster))
    found = [Partition.parse(line) for line in answer.out.splitlines()]
    return [partition for partition in found if partition is not None] if answer.ok else None


def names_of(partitions: Sequence[Partition]) -> str:
    """Return the names of partitions, for an error message."""
    return ", ".join(dict.fromkeys(partition.name for partition in partitions))


def refusal(partitions: list[Partition], nodes: int, minutes: int) -> str | None:
    """Return why none of the partitions among which Slurm may choose takes such a job; None if one does."""
    reasons = [partition.refuses(nodes, minutes) for partition in partitions]
    return None if None in reasons else next(iter(reasons), None)


def refuse_impossible(cluster: ClusterSettings, nodes: Sequence[int]) -> str | None:
    """Return why a job of the profile, of one of these numbers of nodes, would wait for ever or be refused, with the
    remedy; None if none would, or if Slurm does not tell. A QOS may lift a partition's limits.
    """
    known, name = query_partitions(cluster), cluster["slurm"]["partition"]
    if known is None:
        return None
    # Slurm chooses among several that are named.
    named = [one for one in known if (one.name in name.split(",") if name else one.default)]
    if not named and name:
        return f"cluster.slurm.partition={name}: there is none of that name; set one of: {names_of(known)}"
    if cluster["slurm"]["qos"]:
        return None
    minutes = cluster["limits"]["time_min"]
    return next((reason for count in nodes if (reason := refusal(named, count, minutes))), None)
