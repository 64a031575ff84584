"""Jobs on a Slurm machine, submitted through submitit: a batch script for one run, or an array for similar runs."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from orchestrator.launch.base import (
    JobState,
    Nodes,
    Run,
    Scheduler,
    SchedulerBusy,
    SchedulerSilent,
    SubmissionError,
    SubmissionUnsure,
    TooManyTogether,
)
from orchestrator.launch.pace import Pace
from orchestrator.launch.slurm.commands import Answer, query_slurm
from orchestrator.launch.slurm.energy import consumed_joules, gathers_energy
from orchestrator.launch.slurm.identity import JobId, by_cluster
from orchestrator.launch.slurm.jobs import Job, failed_nodes, find_by_comment, query_states
from orchestrator.launch.slurm.nodes import NodeState, expand_node_list, query_nodes
from orchestrator.launch.slurm.own_job import SlurmJob, own_slurm_job
from orchestrator.launch.slurm.parameters import Batch, cluster_named, job_shape, requeues
from orchestrator.launch.slurm.partitions import refuse_impossible
from orchestrator.plan import PlannedRun
from orchestrator.records import Manifest, RunDirectory, RunList, write_json
from orchestrator.records.files import make_own
from orchestrator.records.settings import ClusterSettings

MOST_AT_ONCE = 1000
"""Most tasks of an array: Slurm's default of MaxArraySize is 1001."""
BUSY = re.compile(
    r"MaxSubmit|GrpSubmit|MaxJobCount|Resource temporarily unavailable|temporarily unable to accept|in standby mode|"
    r"rate limit exceeded",
    re.IGNORECASE,
)
ARRAY_TOO_LONG = re.compile(r"Invalid job array specification", re.IGNORECASE)
"""A site's MaxArraySize, or its max_array_tasks, is less than MOST_AT_ONCE."""
UNSURE = re.compile(
    r"Unable to contact slurm controller|Socket timed out|Connection (refused|reset|timed out)|Zero Bytes|"
    r"Communication connection failure|Transport endpoint|gave no answer within|told no job's number",
    re.IGNORECASE,
)
"""Errors of sbatch after which the request may have arrived all the same."""


class SlurmScheduler(Scheduler):
    """The Slurm of a machine. It remembers the last answers, and queries again when a query is due."""

    name = "slurm"
    most_at_once = MOST_AT_ONCE
    holds_back = True

    def __init__(self) -> None:
        self.pace: Pace | None = None
        self.known: dict[str, JobState] = {}
        self.asked_for: set[str] = set()
        self.absent_since: dict[str, float] = {}
        self.gathers: bool | None = None

    def alike(self, run: Run) -> Hashable:
        """Return a key that is equal for runs that differ in their names alone."""
        _, manifest = run
        return json.dumps(job_shape(manifest), sort_keys=True)

    def mark(self, runs: Sequence[Run]) -> None:
        """Give the tasks of an array one comment and one name; their indices tell them apart."""
        super().mark(runs)
        if len(runs) > 1:
            first = runs[0][1]
            tag = f"{first.tag}+{len(runs) - 1}"
            for task, (_, manifest) in enumerate(runs):
                manifest.tag, manifest.label = tag, first.spec.campaign[:64]
                manifest.task = task

    def submit(self, runs: Sequence[Run]) -> list[str]:
        """Run one sbatch; return the jobs' ids."""
        from orchestrator.launch.slurm.script import submit_script

        batch = batch_of(runs)
        make_own(batch.logs)
        if batch.list_of_runs is not None:
            tasks: RunList = {"runs": [[str(directory.path), manifest.attempts] for directory, manifest in runs]}
            write_json(batch.list_of_runs, tasks)
        try:
            answer = submit_script(batch)
        except OSError as error:
            raise SubmissionError(f"the job could not be submitted: {error}") from error
        if not answer.ok:
            raise submission_error(answer, len(runs))
        if self.pace is not None:
            self.pace.hurry()
        job = JobId.parse(answer.out)
        self.refuse_unasked(job, runs)
        return [str(job)] if len(runs) == 1 else [str(replace(job, task=task)) for task in range(len(runs))]

    def refuse_unasked(self, job: JobId, runs: Sequence[Run]) -> None:
        """Cancel the job and raise SubmissionError if Slurm sent it to a cluster that the profile does not name.

        The job would not know that cluster, and so claim its run by another id.
        """
        _, manifest = runs[0]
        if job.cluster == cluster_named(manifest.config["cluster"]):
            return
        query_slurm(["scancel", job.name], cluster=job.cluster)
        raise SubmissionError(
            f"{manifest.spec.run}: Slurm sent job {job.name} to cluster {job.cluster}, which the profile does not "
            f"name, and it was cancelled. Write cluster.slurm.additional.clusters={job.cluster}"
        )

    def states(self, runs: Sequence[Run]) -> dict[str, JobState]:
        """Return the states of all jobs with one query if one is due, otherwise the last ones."""
        wanted = {manifest.job_id: manifest for _, manifest in runs if manifest.job_id}
        if not wanted:
            return {}
        limits = runs[0][1].config["cluster"]["limits"]
        pace = self.pace = self.pace or Pace(limits["query_s"], limits["longest_query_s"])
        if not self.asked_for.issuperset(wanted):
            pace.hurry()
        if pace.is_due():
            self.asked_for = set(wanted)
            self.query_jobs({job: job_of(manifest) for job, manifest in wanted.items()}, pace)
        if pace.failing_for > limits["lost_s"]:
            # Whoever still writes files lives; of the others nobody knows any more.
            return {}
        silent = f"Slurm has not answered for {pace.failing_for:.0f} s" if pace.failing_for else ""
        return {
            job: self.state_of(job, silent)
            for job in wanted
            if job in self.known
            or time.monotonic() - self.absent_since.setdefault(job, time.monotonic()) < limits["lost_s"]
        }

    def query_jobs(self, wanted: dict[str, Job], pace: Pace) -> None:
        """Query the jobs once, and update states and pace."""
        answer = query_states(wanted)
        if answer is None:
            pace.failed()
            return
        pace.answered(news=answer != {job: state for job, state in self.known.items() if job in wanted})
        self.known = answer
        for job in answer:
            self.absent_since.pop(job, None)

    def state_of(self, job: str, silent: str) -> JobState:
        """Return the state of a job that is not given up yet."""
        known = self.known.get(job, JobState("submitted", "Slurm does not list the job yet"))
        # What it waits for, it waits for still.
        return replace(known, reason=silent) if silent else known

    def states_now(self, runs: Sequence[Run]) -> dict[str, JobState]:
        """Query these jobs at once, unless the last query was not answered."""
        wanted = {manifest.job_id: job_of(manifest) for _, manifest in runs if manifest.job_id}
        if not wanted or (self.pace is not None and self.pace.failing_since is not None):
            return {}
        answer = query_states(wanted)
        if answer is not None:
            self.known = {job: state for job, state in self.known.items() if job not in wanted} | answer
        elif self.pace is not None:
            self.pace.failed()
        return answer or {}

    def find(self, runs: Sequence[Run]) -> dict[str, str] | None:
        """Return job ids by run, found by the comments of the jobs."""
        jobs = {manifest.spec.run: job_of(manifest) for _, manifest in runs if manifest.tag}
        if not jobs:
            return {}
        tagged: dict[str, list[str]] = {}
        for cluster in {cluster_named(manifest.config["cluster"]) for _, manifest in runs}:
            there = find_by_comment(jobs, cluster)
            if there is None:
                return None
            for tag, ids in there.items():
                tagged.setdefault(tag, []).extend(ids)
        found = {}
        for _, manifest in runs:
            for job in tagged.get(manifest.tag or "", []):
                if manifest.task is None or JobId.parse(job).task == manifest.task:
                    found[manifest.spec.run] = job
        return found

    def failed_nodes(self, run: Run) -> list[str]:
        """Return those of the job's nodes that Slurm counts as failed."""
        job = run[1].job_id
        return failed_nodes(job) if job else []

    def cancel(self, runs: Sequence[Run]) -> None:
        """Run scancel. The supervisor gets the signal with the ranks and records the end."""
        jobs = [manifest.job_id for _, manifest in runs if manifest.job_id]
        for cluster, there in by_cluster(jobs).items():
            query_slurm(["scancel", "--full", *(JobId.parse(job).name for job in there)], seconds=60, cluster=cluster)
            if self.pace is not None:
                self.pace.hurry()

    def missing(self, cluster: ClusterSettings) -> str | None:
        """Return why nothing can be submitted from here: there is no sbatch, or Slurm shall choose the cluster."""
        named = cluster_named(cluster)
        if (named is not None and not re.fullmatch(r"[\w.-]+", named)) or named == "all":
            return (
                f"names the clusters {named} (slurm.additional.clusters): name one, by which its jobs can be followed."
            )
        if shutil.which("sbatch") is not None:
            return None
        return (
            "needs Slurm, and there is no sbatch here: run this on the machine's login node, take cluster=local, or "
            "get a Slurm to try on with slurm/testcluster."
        )

    def refuses(self, cluster: ClusterSettings, nodes: Sequence[int]) -> str | None:
        """Return why the profile's partition takes no such jobs."""
        return refuse_impossible(cluster, nodes)

    def nodes(self, cluster: ClusterSettings) -> Nodes:
        """Return the nodes of the profile's partition."""
        slurm = cluster["slurm"]
        answer = query_nodes(slurm["partition"], cluster_named(cluster))
        if not answer.ok:
            raise SchedulerSilent(f"cluster={cluster['name']} needs Slurm's nodes: {answer.complaint}.")
        states = dict(line.split("|", 1) for line in answer.out.splitlines() if "|" in line)
        out_of_service = [name for name, state in states.items() if not NodeState.parse(state).in_service]
        return Nodes(states, out_of_service, expand_node_list(slurm["exclude"] or ""))

    def excluding(self, cluster: ClusterSettings, nodes: Sequence[str]) -> ClusterSettings:
        """Return the profile with these nodes in sbatch's ``--exclude``."""
        return {**cluster, "slurm": {**cluster["slurm"], "exclude": ",".join(nodes)}}

    def requeues(self, manifest: Manifest) -> bool:
        """Whether the profile allows it (``cluster.slurm.requeue``)."""
        return requeues(manifest)

    def goes_elsewhere(self, manifest: Manifest) -> bool:
        """Whether the profile asks for it (``cluster.slurm.exclude_failed_nodes``)."""
        return bool(manifest.config["cluster"]["slurm"]["exclude_failed_nodes"])

    def own_job(self) -> SlurmJob | None:
        """Return the job named by Slurm's variables in this environment, or None."""
        return own_slurm_job()

    def may_live(self, job_id: str) -> bool:
        """Whether the job may not have ended: False if the queue says so or does not know the job."""
        job = JobId.parse(job_id)
        answer = query_slurm(["squeue", "--noheader", f"--jobs={job.name}", "--format=%T"], cluster=job.cluster)
        return bool(answer.out.strip()) if answer.ok else not answer.knows_no_job

    def consumed_joules(self, job_id: str) -> float | None:
        """Return Slurm's ConsumedEnergy, where a plug-in of the site gathers it: that is asked once."""
        if self.gathers is None:
            self.gathers = gathers_energy()
        return consumed_joules(job_id) if self.gathers else None

    def holds_whole_nodes(self, cluster: ClusterSettings) -> bool:
        """Return whether the profile asks for nodes that are not shared."""
        return bool(cluster["slurm"]["exclusive"])

    def logs(self, run: Run) -> list[Path]:
        """Return the output files of submitit's script, for a single job and for a task of an array."""
        directory, manifest = run
        name = JobId.parse(manifest.job_id or "").name
        return [folder / f"{name}_0_log.out" for folder in (directory.jobs, directory.path.parent / "jobs")]

    noise = ("slurmstepd:", "srun:")

    def scripts(self, planned: Sequence[PlannedRun], folder: Path, max_jobs: int) -> dict[str, str]:
        """Return the batch scripts, each with a comment that shows what its supervisor will start."""
        from orchestrator.launch.slurm.script import batch_script

        runs = [
            (
                RunDirectory(folder / run.spec.run),
                Manifest(run.spec, run.config, run.config_hash, {}, created=0.0, attempts=1),
            )
            for run in planned
        ]
        texts = {}
        for first in range(0, len(runs), max_jobs):
            for _, alike in groupby(sorted(runs[first : first + max_jobs], key=self.order), self.order):
                together = list(alike)
                self.mark(together)
                text = batch_script(batch_of(together))
                texts.update({manifest.spec.run: text for _, manifest in together})
        return texts

    def order(self, run: Run) -> str:
        """Return ``alike`` as text, to sort by."""
        return str(self.alike(run))


def job_of(manifest: Manifest) -> Job:
    """Return what identifies a run's job across restarts."""
    return Job(
        manifest.tag or f"orchestrator:{manifest.spec.campaign}/{manifest.spec.run}",
        manifest.label or manifest.spec.run[:64],
        manifest.asked or manifest.submitted or manifest.created,
    )


def batch_of(runs: Sequence[Run]) -> Batch:
    """Return the submission of similar runs that have been marked."""
    (directory, manifest), number = runs[0], len(runs)
    if number == 1:
        return Batch(manifest, 1, directory.jobs, directory.path, None)
    logs = directory.path.parent / "jobs"
    listed = logs / f"{manifest.spec.run}+{number - 1}-attempt-{manifest.attempts}.json"
    return Batch(manifest, number, logs, directory.path, listed)


def submission_error(answer: Answer, runs: int = 1) -> SubmissionError:
    """Return the error that a failed sbatch of so many runs means, with its own text."""
    words = sbatch_complaint(answer)
    if runs > 1 and ARRAY_TOO_LONG.search(words):
        return TooManyTogether(words)
    if BUSY.search(words):
        return SchedulerBusy(words)
    if UNSURE.search(words):
        return SubmissionUnsure(words)
    return SubmissionError(f"Slurm did not take the job: {words}")


def sbatch_complaint(answer: Answer) -> str:
    """Return sbatch's own complaint."""
    found = re.findall(r"sbatch: (?:error: )?(.+)", answer.err)
    return "; ".join(dict.fromkeys(line.strip() for line in found)) or answer.complaint
