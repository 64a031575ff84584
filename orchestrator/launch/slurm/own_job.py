"""A job's own queries to Slurm: why it is being ended, and a request to start it again."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from orchestrator.launch.base import OwnJob, Standing
from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.launch.slurm.identity import JobId
from orchestrator.launch.slurm.nodes import failed_among
from orchestrator.launch.slurm.states import decisive_word, how_it_ended, meaning_of

QUERY_SECONDS = 2.0
"""Time limit of a query. The job may be about to be killed, so a later answer is useless."""
REQUEUE_SECONDS = 20.0


class SlurmJob(OwnJob):
    """The job or the task of an array that this process runs in."""

    product = "Slurm"
    keeps_account = True

    def __init__(self, job: JobId, environment: Mapping[str, str]) -> None:
        super().__init__(str(job), job.task or 0, int(environment.get("SLURM_RESTART_COUNT") or 0))
        # Within the job, commands speak to its own cluster.
        self._name = job.name
        # Slurm has forgotten the nodes of a job that it puts back into the queue.
        self._nodes = environment.get("SLURM_JOB_NODELIST", "")

    def standing(self) -> Standing:
        """Return the job's standing. Of a job that is being ended scontrol reports COMPLETING alone; accounting may
        know the final state.
        """
        text = self._description().get("JobState", "")
        if decisive_word(text) in ("COMPLETING", "CANCELLED"):
            words = ["sacct", "--allocations", "--noheader", "--parsable2", f"--jobs={self._name}", "--format=State"]
            known = next(iter((query_slurm(words, QUERY_SECONDS).text or "").splitlines()), "")
            text = known if decisive_word(known) not in ("", "RUNNING", "COMPLETING") else text
        word = decisive_word(text)
        return Standing(word, word == "RUNNING", meaning_of(text).ending, how_it_ended(word, text))

    def is_preempted(self) -> bool:
        """Whether Slurm is about to give the job's nodes to another job."""
        return self._description().get("PreemptTime", "None") not in ("None", "N/A", "")

    def down_nodes(self) -> list[str]:
        """Return the names of the job's nodes that Slurm counts as down."""
        return failed_among(self._nodes or self._description().get("NodeList", ""), seconds=QUERY_SECONDS)

    def why_restarted(self) -> str:
        """Return why Slurm started the job again: of the job's earlier starts accounting keeps a row each."""
        words = ["sacct", "--duplicates", "--allocations", "--noheader", "--parsable2", f"--jobs={self._name}"]
        lines = (query_slurm([*words, "--format=State,NodeList"], QUERY_SECONDS).text or "").splitlines()
        starts = [line.partition("|") for line in lines[:-1]]
        state, _, nodes = starts[-1] if starts else ("", "", "")
        word = decisive_word(state)
        if word in ("NODE_FAIL", "BOOT_FAIL"):
            return f"a node of job {self.id} failed ({nodes}), and Slurm started it again"
        if word == "PREEMPTED":
            return f"Slurm gave the nodes of job {self.id} to another job, and started it again"
        return f"Slurm put job {self.id} back into the queue, as by `scontrol requeue`, and started it again"

    def requeue(self) -> str | None:
        """Ask Slurm to end this job and start it again later; return Slurm's objection, or None."""
        answer = query_slurm(["scontrol", "requeue", self._name], REQUEUE_SECONDS)
        return None if answer.ok else answer.complaint

    def _description(self) -> dict[str, str]:
        """Return Slurm's description of the job, by its own names (JobState, PreemptTime, …); empty without
        an answer. The first of a name counts: people's own texts, as AdminComment, come after.
        """
        words = ["scontrol", "--oneliner", "show", "job", self._name]
        lines = (query_slurm(words, QUERY_SECONDS).text or "").splitlines()
        return dict(reversed(re.findall(r"(\w+)=(\S*)", lines[0]))) if lines else {}


def own_slurm_job() -> SlurmJob | None:
    """Return the job of Slurm that this process runs in, or None."""
    job = JobId.own(os.environ)
    return None if job is None else SlurmJob(job, os.environ)
