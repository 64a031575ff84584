"""What a job asks of Slurm from within: why it is being ended, and to be started again."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from orchestrator.launch.base import OwnJob, Standing
from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.launch.slurm.identity import JobId
from orchestrator.launch.slurm.jobs import job_state_word
from orchestrator.launch.slurm.nodes import failed_among
from orchestrator.records import EndState

QUERY_SECONDS = 2.0
"""The job may be about to be killed: an answer that takes longer comes too late."""
REQUEUE_SECONDS = 20.0

ENDINGS: dict[str, EndState] = {
    "CANCELLED": "cancelled",
    "TIMEOUT": "timeout",
    "DEADLINE": "timeout",
    "NODE_FAIL": "node-failed",
    "BOOT_FAIL": "node-failed",
    "OUT_OF_MEMORY": "failed",
    "PREEMPTED": "preempted-requeued",
    "REQUEUED": "preempted-requeued",
    "REQUEUE_HOLD": "preempted-requeued",
    "PENDING": "preempted-requeued",
}
"""What it means for a running job that Slurm ends it while its state is this one."""


class SlurmJob(OwnJob):
    """The job or the array's task that this process runs in."""

    product = "Slurm"
    keeps_account = True

    def __init__(self, job: JobId, environment: Mapping[str, str]) -> None:
        super().__init__(str(job), job.task or 0, int(environment.get("SLURM_RESTART_COUNT") or 0))
        # Slurm has forgotten the nodes of a job that it puts back into the queue.
        self._nodes = environment.get("SLURM_JOB_NODELIST", "")

    def standing(self) -> Standing:
        """By its state. Of a job that is being ended scontrol says COMPLETING and no more: what it ends as, accounting
        may know.
        """
        word = job_state_word(self._description().get("JobState", ""))
        if word == "COMPLETING":
            words = ["sacct", "--allocations", "--noheader", "--parsable2", f"--jobs={self.id}", "--format=State"]
            known = job_state_word(next(iter((query_slurm(words, QUERY_SECONDS).text or "").splitlines()), ""))
            word = known if known not in ("", "RUNNING") else word
        return Standing(word, word == "RUNNING", ENDINGS.get(word))

    def is_preempted(self) -> bool:
        """Whether Slurm is about to give the job's nodes to another."""
        return self._description().get("PreemptTime", "None") not in ("None", "N/A", "")

    def down_nodes(self) -> list[str]:
        """Names of the job's nodes that Slurm counts as down."""
        return failed_among(self._nodes or self._description().get("NodeList", ""), seconds=QUERY_SECONDS)

    def requeue(self) -> str | None:
        """Have Slurm end this job and start it again later; None if it will, else what Slurm says against it."""
        answer = query_slurm(["scontrol", "requeue", self.id], REQUEUE_SECONDS)
        return None if answer.ok else answer.complaint

    def _description(self) -> dict[str, str]:
        """What Slurm says of the job, by its own names (JobState, PreemptTime, …); empty if it does not answer."""
        lines = (query_slurm(["scontrol", "--oneliner", "show", "job", self.id], QUERY_SECONDS).text or "").splitlines()
        return dict(re.findall(r"(\w+)=(\S*)", lines[0])) if lines else {}


def own_slurm_job() -> SlurmJob | None:
    """The job that this process runs in, if it is one of Slurm's."""
    job = JobId.own(os.environ)
    return None if job is None else SlurmJob(job, os.environ)
