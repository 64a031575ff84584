"""The energy of a job as Slurm's accounting keeps it: ConsumedEnergy (sacct(1)), where the site gathers energy.

A site's plug-in (acct_gather_energy/ipmi, /rapl, /gpu, /xcc, …) reads its nodes' meters. What it counts is all of a
node, whoever uses it, from a step's start to its end.
"""

from __future__ import annotations

import re

from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.launch.slurm.identity import JobId

UNKNOWN = 2**32 - 2
"""NO_VAL of Slurm's 32-bit numbers; its 64-bit one is larger still."""


def gathers_energy() -> bool:
    """Whether this Slurm has a plug-in that does."""
    told = query_slurm(["scontrol", "show", "config"]).text or ""
    found = re.search(r"^AcctGatherEnergyType\s*=\s*(\S+)", told, re.MULTILINE)
    # Without one the word is "none", "(null)", or "acct_gather_energy/none" in releases before 23.11.
    return found is not None and found[1].rpartition("/")[2] not in ("none", "(null)")


def consumed_joules(job: str) -> float | None:
    """What accounting has of an ended job, J; None if it has nothing (yet)."""
    own = JobId.parse(job)
    words = ["sacct", "--noheader", "--parsable2", "--jobs", own.name, "--format", "JobID,ConsumedEnergyRaw"]
    return parse_consumed(query_slurm(words, cluster=own.cluster).text or "")


def parse_consumed(text: str) -> float | None:
    """The largest of a job's own row and its steps'.

    The step of the ranks covers all nodes, the batch step the first node at the same time: their sum would count that
    one twice.
    """
    found = []
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) == 2 and fields[1].isdigit() and 0 < int(fields[1]) < UNKNOWN:
            found.append(float(fields[1]))
    return max(found, default=None)
