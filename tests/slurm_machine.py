"""A Slurm whose jobs are as the test says, and how their runs end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from commands import unpack

from orchestrator.launch.base import JobState, Run, SchedulerBusy
from orchestrator.launch.enter import claim_attempt
from orchestrator.launch.slurm.scheduler import SlurmScheduler
from orchestrator.records import failure_record, read_json, write_json

KEPT = Path(__file__).resolve().parent / "recorded" / "version-0.1.tar.gz"


class Machine(SlurmScheduler):
    """Slurm without its commands: it takes what it is given, and jobs are as the test says."""

    def __init__(self, most: int = 1000) -> None:
        super().__init__()
        self.most = most
        self.jobs: dict[str, JobState] = {}
        self.sizes: list[int] = []

    def submit(self, runs: Any) -> list[str]:
        flying = sum(state.state == "running" for state in self.jobs.values())
        if flying + len(runs) > self.most:
            raise SchedulerBusy("MaxSubmitJobs")
        self.sizes.append(len(runs))
        names = [f"{len(self.sizes)}_{task}" for task in range(len(runs))]
        self.jobs |= {name: JobState("running") for name in names}
        for name, (directory, manifest) in zip(names, runs, strict=True):
            claim_attempt(directory.attempt(manifest.attempts), name)
        return names

    def states(self, runs: Any) -> dict[str, JobState]:
        return {manifest.job_id: self.jobs[manifest.job_id] for _, manifest in runs if manifest.job_id in self.jobs}

    def cancel(self, runs: Any) -> None:
        for directory, manifest in runs:
            if manifest.job_id:
                self.jobs[manifest.job_id] = JobState("cancelled")
                write_json(directory.attempt(manifest.attempts).failure, failure_record("cancelled", "by its user"))

    def last_words(self, run: Run) -> str:
        return ""


def result_of(tmp_path: Path) -> Any:
    """A whole result, of the campaign that version 0.1 left."""
    unpack(KEPT, tmp_path / "kept")
    return read_json(next((tmp_path / "kept").rglob("result.json")))


def ended_well(run: Run, number: int, result: Any) -> None:
    attempt = run[0].attempt(number)
    write_json(attempt.result, result)
    write_json(attempt.ended, {"schema": "orchestrator.claim/1", "job": "1", "ended": 2.0})


def fail_all(machine: Machine, runs: list[Run]) -> None:
    for directory, manifest in runs:
        machine.jobs[str(manifest.job_id)] = JobState("failed")
        write_json(directory.attempt(manifest.attempts).failure, failure_record("failed", "no"))
