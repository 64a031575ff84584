"""A campaign on disk and under way: written before anything is submitted, submitted, watched, collected."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from orchestrator.config.compose import UsageError
from orchestrator.launch.base import Scheduler, SubmissionError
from orchestrator.plan import Campaign
from orchestrator.records import (
    FAILURE_SCHEMA,
    Manifest,
    RecordError,
    RunDirectory,
    now,
    write_json,
)
from orchestrator.watch import RunStatus, look

LEAST_FREE_BYTES = 64 * 1024 * 1024

Runs: TypeAlias = list[tuple[RunDirectory, Manifest]]


@dataclass
class Limits:
    """How many jobs may be in flight, and how often to look at them, s."""

    max_jobs: int
    interval_s: float


def create(campaign: Campaign, provenance: dict[str, Any]) -> Runs:
    """Make the campaign's folders and manifests. Raises UsageError if the results folder does not allow it."""
    folder = campaign.folder
    existing = next((parent for parent in (folder, *folder.parents) if parent.exists()), folder)
    try:
        if folder.exists():
            raise UsageError(f"{folder} exists already; choose another campaign=NAME, or `resume {campaign.name}`.")
        if shutil.disk_usage(existing).free < LEAST_FREE_BYTES:
            raise UsageError(f"{existing} has less than 64 MiB left; free some or set results=FOLDER elsewhere.")
        folder.mkdir(parents=True, mode=0o700)
        runs = []
        for order, planned in enumerate(campaign.runs):
            directory = RunDirectory(folder / planned.spec.run)
            directory.path.mkdir(mode=0o700)
            manifest = Manifest(
                spec=planned.spec,
                config=planned.config,
                config_hash=planned.config_hash,
                provenance=provenance,
                created=now(),
                scheduler=planned.config["cluster"]["scheduler"],
                order=order,
            )
            directory.write_manifest(manifest)
            runs.append((directory, manifest))
        return runs
    except OSError as error:
        raise UsageError(
            f"the results folder {campaign.results} cannot be written ({error.strerror or error}); "
            "set results=FOLDER to one that can"
        ) from error


def load(folder: Path) -> Runs:
    """The runs of a campaign's folder, or the one run of a run's folder. Raises RecordError if there is none."""
    if not folder.is_dir():
        raise RecordError(f"{folder} is not a folder")
    owner = folder.stat().st_uid
    if owner != os.geteuid() and os.geteuid() != 0:
        raise RecordError(f"{folder} belongs to user {owner}: only its owner may use it")
    paths = [folder] if (folder / "manifest.json").exists() else sorted(folder.iterdir())
    runs = []
    for path in paths:
        directory = RunDirectory(path)
        if directory.manifest.exists():
            runs.append((directory, directory.read_manifest()))
    if not runs:
        raise RecordError(f"{folder} holds no run: no manifest.json in it or in its folders")
    return sorted(runs, key=lambda run: run[1].order)


def submit(scheduler: Scheduler, directory: RunDirectory, manifest: Manifest) -> None:
    """Start the next attempt. The manifest says so before the scheduler hears of it, and which job it became after."""
    manifest.attempts += 1
    manifest.job_id, manifest.submitted = None, None
    directory.write_manifest(manifest)
    attempt = directory.attempt(manifest.attempts)
    attempt.path.mkdir(mode=0o700, exist_ok=True)
    try:
        manifest.job_id = scheduler.submit(directory, manifest, manifest.attempts)
    except SubmissionError as error:
        failure = {
            "schema": FAILURE_SCHEMA,
            "state": "failed",
            "cause": str(error),
            "host": os.uname().nodename,
            "ended": now(),
        }
        write_json(attempt.failure, failure)
        return
    manifest.submitted = now()
    manifest.attempt_jobs.append(manifest.job_id)
    directory.write_manifest(manifest)


def follow(
    scheduler: Scheduler,
    runs: Runs,
    limits: Limits,
    show: Callable[[Sequence[RunStatus]], None],
    finished: Callable[[RunDirectory, Manifest, RunStatus], None],
) -> list[RunStatus]:
    """Submit what is still planned, as many at a time as allowed, until every run has ended.

    ``show`` is called after every look, ``finished`` once for each run when it has ended. Returns the last statuses.
    """
    done: set[str] = set()
    while True:
        statuses = look(scheduler, runs)
        for (directory, manifest), status in zip(runs, statuses, strict=True):
            if status.final and status.run not in done:
                done.add(status.run)
                finished(directory, manifest, status)
        show(statuses)
        if len(done) == len(runs):
            return statuses
        in_flight = sum(not status.final and status.state != "planned" for status in statuses)
        waiting = [run for run, status in zip(runs, statuses, strict=True) if status.state == "planned"]
        started = waiting[: max(0, limits.max_jobs - in_flight)]
        for directory, manifest in started:
            submit(scheduler, directory, manifest)
        if not started:
            time.sleep(limits.interval_s)


def cancel(scheduler: Scheduler, runs: Runs, seconds: float = 20.0) -> list[RunStatus]:
    """End what is in flight and wait, so long, until it has ended; what was not submitted never will be."""
    statuses = look(scheduler, runs)
    for (directory, manifest), status in zip(runs, statuses, strict=True):
        if status.state == "planned":
            manifest.attempts = 1
            directory.write_manifest(manifest)
            directory.attempt(1).path.mkdir(mode=0o700, exist_ok=True)
            record = {"state": "cancelled", "cause": "cancelled before it was submitted"}
            write_json(
                directory.attempt(1).failure,
                {"schema": FAILURE_SCHEMA, **record, "host": os.uname().nodename, "ended": now()},
            )
    flying = [run for run, status in zip(runs, statuses, strict=True) if not status.final]
    scheduler.cancel(flying)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        statuses = look(scheduler, runs)
        if all(status.final for status in statuses):
            break
        time.sleep(0.1)
    return statuses
