"""The ids of Slurm's jobs: "17", or "17_4" for a task of an array; "17@genius" on a cluster that had to be named.

A number means another job on every cluster, so the cluster goes with the number wherever it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

LONGEST_ARRAY = 4_000_001
"""Slurm's own limit of an array's indices (MaxArraySize)."""
CLUSTER_VARIABLE = "ORCHESTRATOR_SLURM_CLUSTER"
"""The cluster that a job was sent to by name, as its own processes know it."""
SUBMITTED = re.compile(r"^Submitted batch job (\d+)(?: on cluster (\S+))?\s*$", re.MULTILINE)
"""How sbatch answers."""
TASKS = re.compile(r"(\d+)_\[([\d,:-]+)(?:%\d+)?\]")
"""Several pending tasks in one line: "17_[2,4-6%2]"."""


@dataclass(frozen=True)
class JobId:
    """A job, or a task of an array. ``number`` is that of the job or of the array; ``cluster`` is None for the cluster
    that commands speak to unless told otherwise.

    To Slurm the bare number of an array means all its tasks, so a task is never named by it.
    """

    number: str
    task: int | None = None
    cluster: str | None = None

    def __str__(self) -> str:
        """The id as it is kept, with its cluster."""
        return self.name if self.cluster is None else f"{self.name}@{self.cluster}"

    @property
    def name(self) -> str:
        """The id as accounting and the queue of its cluster write it."""
        return self.number if self.task is None else f"{self.number}_{self.task}"

    @classmethod
    def parse(cls, text: str) -> JobId:
        """Return the id of its written form."""
        name, _, cluster = text.partition("@")
        number, _, task = name.partition("_")
        return cls(number, int(task) if task.isdigit() else None, cluster or None)

    @classmethod
    def submitted(cls, text: str) -> JobId | None:
        """Return the id in sbatch's answer; None without one. A site's wrapper may print other lines, with other
        numbers.
        """
        found = SUBMITTED.findall(text)
        return cls(found[-1][0], None, found[-1][1] or None) if found else None

    @classmethod
    def own(cls, environment: Mapping[str, str]) -> JobId | None:
        """Return the job that a process with this environment runs in, or None.

        SLURM_JOB_ID is not sufficient: in one task of every array it is the array's number.
        """
        cluster = environment.get(CLUSTER_VARIABLE) or None
        array, task = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
        if array and task:
            return cls(array, int(task), cluster)
        job = environment.get("SLURM_JOB_ID")
        return cls(job, None, cluster) if job else None


def by_cluster(jobs: Iterable[str]) -> dict[str | None, list[str]]:
    """Return the jobs of each cluster, which is asked for its own."""
    found: dict[str | None, list[str]] = {}
    for job in jobs:
        found.setdefault(JobId.parse(job).cluster, []).append(job)
    return found


def expand_tasks(text: str, wanted: Collection[str] | None = None) -> Iterator[str]:
    """Yield "17" as it is, and "17_[2,4-6%2]" as 17_2, 17_4, 17_5 and 17_6; of the latter only ``wanted`` ones, if
    given.
    """
    several = TASKS.fullmatch(text)
    if not several:
        yield text
        return
    ranges = [part.partition("-") for part in several[2].split(",") if part]
    for first, dash, last in ranges:
        end, _, step = last.partition(":")
        for number in range(int(first), min(int(end) if dash else int(first), LONGEST_ARRAY) + 1, int(step or 1)):
            name = f"{several[1]}_{number}"
            if wanted is None or name in wanted:
                yield name
