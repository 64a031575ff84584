"""The job that submits itself again, on a real Slurm."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from commands import Command
from schedules import webhook

from orchestrator.store.store import Store, default_url

pytestmark = [pytest.mark.slurm, pytest.mark.ranks, pytest.mark.usefixtures("cluster")]

LOGIN_NODE = "198.18.7.254"
"""This machine as the nodes see it: their loopback is their own (slurm/README.md)."""


def jobs_of(identity: str) -> list[list[str]]:
    """Number, state and begin of the schedule's jobs."""
    told = ["squeue", "--noheader", f"--name=orchestrator-{identity}", "--format=%i %T %S"]
    return [line.split() for line in subprocess.run(told, capture_output=True, text=True).stdout.splitlines()]


def test_the_job_runs_the_sweep_after_it_has_submitted_its_successor(
    orchestrator: Command, tiny: list[str], tmp_path: Path
) -> None:
    words = ("cluster=testcluster", "suite=minutely", "results=results")
    # Too short to learn anything: there is something to tell.
    short = ["benchmark.training.epochs=1", "benchmark.quality.target=0.99"]
    sweep = "sweep=" + " ".join([*tiny, *short, "comm=mpi"])
    options = ("via=slurm", "when=* * * * *", "schedule.slurm.memory_gb=0.5", "time_limit_min=5", "wait_min=0")
    with webhook(LOGIN_NODE) as hook:
        answer = orchestrator(
            "schedule", "install", *words, *options, sweep, f"notify.webhook.url={hook.url}", "--json"
        )  # fmt: skip
        assert answer.code == 0, answer.err
        identity = answer.document["identity"]
        folder = Path(answer.document["folder"])
        # Its minute may come at any moment: then its successor is there too.
        first = min((number for number, _, _ in jobs_of(identity)), key=int)
        try:
            deadline = time.monotonic() + 180
            while time.monotonic() < deadline and not list(folder.glob("log/2*.log")):
                time.sleep(0.5)
            waiting = [number for number, state, _ in jobs_of(identity) if state == "PENDING"]
            assert len(waiting) == 1 and waiting != [first]
        finally:
            assert orchestrator("schedule", "remove", *words).code == 0
        assert [number for number, state, _ in jobs_of(identity) if state == "PENDING"] == []
        # What runs goes on to its end.
        while time.monotonic() < deadline and jobs_of(identity):
            time.sleep(0.5)
    state_file = json.loads((folder / "state.json").read_text())
    assert state_file["last_start"]["code"] == 2, next(folder.glob("log/2*.log")).read_text()
    (record,) = Store(default_url(tmp_path / "results")).campaign(state_file["last_start"]["sweep"])
    assert (record.run["state"], record.run["cluster"]) == ("completed", "testcluster")
    (body,) = hook.bodies
    assert "macro_f1" in body["text"] and "not the target 0.990" in body["text"]
