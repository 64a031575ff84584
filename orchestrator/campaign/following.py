"""A campaign's files and its course: created before anything is submitted, then submitted, watched and collected."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from orchestrator.campaign.decisions import decisions, refresh
from orchestrator.campaign.state import RunStatus, query_statuses
from orchestrator.campaign.stuck import give_up_stuck
from orchestrator.campaign.submission import submit_all, submit_whole
from orchestrator.config.redaction import redact
from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.launch.base import Run, Scheduler
from orchestrator.launch.enter import refuse_foreign
from orchestrator.launch.manifests import Manifests
from orchestrator.launch.pace import Looks, Pace, rest
from orchestrator.plan import Campaign
from orchestrator.records import (
    EndState,
    Failure,
    Manifest,
    Provenance,
    RecordError,
    Requeuer,
    RunDirectory,
    failure_record,
    is_end_state,
    now,
    one_at_a_time,
    publish_json,
    read_record_if_whole,
    write_json,
)
from orchestrator.records.files import make_private

LEAST_FREE_BYTES = 64 * 1024 * 1024

MOST_AWAITED = 16
"""Attempts whose ends are awaited between two looks."""
BUSY_SECONDS = 5.0
LONGEST_BUSY_SECONDS = 300.0
"""Longest pause between submissions while the scheduler takes no more jobs."""

Runs: TypeAlias = list[Run]


class CampaignTaken(OrchestratorError):
    """Another process follows the campaign."""


@dataclass
class Limits:
    """The most jobs in flight, and the shortest and longest interval between queries, s."""

    max_jobs: int
    interval_s: float


def create(campaign: Campaign, provenance: Provenance) -> Runs:
    """Make the campaign's folders and manifests. Raises UsageError if the results folder does not allow it."""
    folder = campaign.folder
    existing = next((parent for parent in (folder, *folder.parents) if parent.exists()), folder)
    # All of it appears at once: whoever finds the folder later, after a death too, finds every planned run.
    staged = folder.with_name(f".{folder.name}.{os.uname().nodename}.{os.getpid()}.partial")
    try:
        if folder.exists():
            raise UsageError(exists_already(campaign))
        if shutil.disk_usage(existing).free < LEAST_FREE_BYTES:
            raise UsageError(f"{existing} has less than 64 MiB left; free some or set results=FOLDER elsewhere.")
        make_private(staged)
        if staged.stat().st_mode & 0o022:
            raise UsageError(
                f"the file system of {campaign.results} gives every folder to everybody (mode "
                f"{staged.stat().st_mode & 0o777:o}): others could change what the jobs execute; set results=FOLDER to "
                "one on another file system"
            )
        runs = []
        for order, planned in enumerate(campaign.runs):
            manifest = Manifest(
                spec=planned.spec,
                config=redact(planned.config),
                config_hash=planned.config_hash,
                provenance=provenance,
                created=now(),
                scheduler=planned.config["cluster"]["scheduler"],
                order=order,
                planned=len(campaign.runs),
            )
            directory = RunDirectory(staged / planned.spec.run)
            directory.path.mkdir(mode=0o700)
            directory.write_manifest(manifest)
            runs.append((RunDirectory(folder / planned.spec.run), manifest))
        staged.rename(folder)
        return runs
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise UsageError(exists_already(campaign)) from error
        raise UsageError(
            f"the results folder {campaign.results} cannot be written ({error.strerror or error}); "
            "set results=FOLDER to one that can"
        ) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def exists_already(campaign: Campaign) -> str:
    """Return the error message for a name that is taken."""
    return f"{campaign.folder} exists already; choose another campaign=NAME, or `resume {campaign.name}`."


@dataclass
class Loaded:
    """The runs of a campaign's folder, in their order. ``damaged``: why others cannot be read, by their names."""

    runs: Runs
    damaged: dict[str, str]

    @property
    def scheduler(self) -> str:
        """The name of the scheduler that has the runs. Raises UsageError without any run that can be read."""
        return self.whole()[0][1].scheduler

    def whole(self) -> Runs:
        """Return the runs that can be read, of which there is one at least. Raises UsageError."""
        if not self.runs:
            raise UsageError(f"No run of it can be read: {'; '.join(self.damaged.values())}.")
        return self.runs

    def lost(self) -> list[RunStatus]:
        """Return the statuses of the runs that cannot be read."""
        return [RunStatus(run, "failed", cause, damaged=True) for run, cause in self.damaged.items()]


def load(folder: Path) -> Loaded:
    """Return the runs of a campaign's folder, or the one run of a run's folder. Raises UsageError if there is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; give a campaign's folder or name.")
    refuse_foreign(folder)
    found = Loaded([], {})
    manifests = Manifests()
    alone = is_there(folder / "manifest.json")
    for name in [""] if alone else sorted(path.name for path in folder.iterdir()):
        directory = RunDirectory(folder / name)
        try:
            manifest = read_run(directory, manifests)
            if not alone and manifest.spec.run != name:
                raise RecordError(f"{directory.manifest} is that of another run, {manifest.spec.run}")
        except (RecordError, OSError) as error:
            if is_there(directory.manifest):
                found.damaged[directory.path.name] = str(error)
        else:
            found.runs.append((directory, manifest))
    if not found.runs and not found.damaged:
        raise UsageError(f"{folder} holds no run: no manifest.json in it or in its folders; give a campaign's folder.")
    found.runs.sort(key=lambda run: run[1].order)
    return found


def read_run(directory: RunDirectory, manifests: Manifests) -> Manifest:
    """Return the manifest of a run that this user may go on with. Raises RecordError, OSError."""
    found = directory.path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise RecordError(f"{directory.path} is a link, which is not followed")
    refuse_foreign(directory.path, found)
    return manifests.read(directory)


def is_there(path: Path) -> bool:
    """Whether there is anything of that name, a broken link too, or it cannot be told for want of rights."""
    try:
        return os.path.lexists(path) or (not os.access(path.parent, os.X_OK) and path.parent.is_dir())
    except (OSError, ValueError):
        return False


@contextmanager
def attended(folder: Path) -> Iterator[None]:
    """Reserve the campaign for this process, within the context. Raises CampaignTaken while another process has it.

    The system releases it when the process ends in any way.
    """
    refuse_foreign(folder)

    def refuse(holder: str) -> None:
        raise CampaignTaken(
            f"campaign {folder.name} is followed by another orchestrator ({holder}): wait for it, or end it first"
        )

    # On a file system without locks two orchestrators are the user's own care.
    with one_at_a_time(folder / ".attended", refuse):
        yield


def follow(
    scheduler: Scheduler,
    runs: Runs,
    limits: Limits,
    show: Callable[[Sequence[RunStatus]], None],
    finished: Callable[[RunDirectory, Manifest, RunStatus], None],
    detach: bool = False,
    retry: Retry | None = None,
) -> list[RunStatus]:
    """Submit planned runs, as many at a time as allowed, until every run has ended; return the last statuses.

    ``show`` is called after every query, ``finished`` once for each run that ended. With ``detach`` it returns when no
    more runs can be submitted now, of alike ones all. ``retry``: runs that did not complete get another attempt.
    """
    done: set[str] = set()
    retry = retry or Retry(active=False)
    wait = Pace(BUSY_SECONDS, LONGEST_BUSY_SECONDS)
    looks = Looks(limits.interval_s)
    busy = ""
    while True:
        looks.begin()
        with looks.counted():
            statuses = query_statuses(scheduler, runs)
        retry.begin(statuses)
        give_up_stuck(scheduler, runs, statuses)
        for run, status in zip(runs, statuses, strict=True):
            if status.run in done or not (status.final or status.resubmit):
                continue
            go_elsewhere(scheduler, run, status)
            if not seal(run, status):
                # What was written down meanwhile tells more, and is read with the next look.
                status.state, status.resubmit, status.cause = "running", False, None
            elif status.final and not retry.takes(run, status):
                done.add(status.run)
                finished(*run, status)
                if busy:
                    # There may be room for another job.
                    wait.hurry()
        retry.first = False
        if busy:
            statuses = [replace(status, reason=busy) if status.state == "planned" else status for status in statuses]
        with looks.counted():
            show(statuses)
        if len(done) == len(runs):
            return statuses
        started: Runs = []
        queue = waiting(runs, statuses)
        if detach and len(queue) == len(runs) - len(done) and submit_whole(scheduler, queue):
            continue
        if wait.is_due():
            started = startable(runs, statuses, limits.max_jobs)
            before = [manifest.attempts for _, manifest in started]
            busy = submit_all(scheduler, started)
            if not busy:
                wait = Pace(BUSY_SECONDS, LONGEST_BUSY_SECONDS)
            elif before != [manifest.attempts for _, manifest in started]:
                # As many as it takes at present, where that is less than max_jobs.
                wait.answered(news=True)
            else:
                wait.failed()
        if detach and (busy or not started):
            return statuses
        if busy or not started:
            rest(looks.rest, awaited_files(runs, statuses))


def awaited_files(runs: Runs, statuses: Sequence[RunStatus]) -> list[Path]:
    """Return the files, not there yet, that tell how the attempts in flight ended. None where there are many, which end
    one after the other anyway: each glance at their files costs.
    """
    flying = [(run[0], status.attempts) for run, status in zip(runs, statuses, strict=True)
              if status.attempts and not status.final]  # fmt: skip
    if len(flying) > MOST_AWAITED:
        return []
    attempts = [directory.attempt(number) for directory, number in flying]
    files = [file for attempt in attempts for file in (attempt.ended, attempt.failure)]
    return [file for file in files if not file.exists()]


@dataclass
class Retry:
    """What ``resume`` adds to following: each attempt that was begun before it, and does not complete, is followed by
    another one, as long as the run has any left. What somebody cancels meanwhile stays cancelled.
    """

    tell: Callable[[str], None] = lambda text: None
    active: bool = True
    first: bool = True
    newest: dict[str, int] = field(default_factory=dict)
    """Of each run, the number of the attempt that was the newest at the first look."""

    def begin(self, statuses: Sequence[RunStatus]) -> None:
        """Note the attempts at the first look."""
        if self.first:
            self.newest = {status.run: status.attempts for status in statuses}

    def takes(self, run: Run, status: RunStatus) -> bool:
        """Whether an ended run goes on with another attempt, which is then written down."""
        directory, manifest = run
        # What cannot be read may be the result of days: who wants another one takes it away.
        over = status.damaged or status.state == "completed" or (status.state == "cancelled" and not self.first)
        most = manifest.config["cluster"]["limits"]["max_attempts"]
        if not self.active or over or not 0 < manifest.attempts <= min(self.newest[status.run], most - 1):
            return False
        failure = failure_of(run, status)
        write_json(directory.attempt(manifest.attempts).failure, {**failure, "requeue": "orchestrator"})
        self.tell(f"{status.run}: {status.state}; attempt {manifest.attempts + 1}")
        status.reason = f"{status.cause or status.state}; goes on with attempt {manifest.attempts + 1}"
        status.state, status.cause, status.resubmit = "preempted-requeued", None, True
        return True


def failure_of(run: Run, status: RunStatus) -> Failure:
    """Return how an ended attempt failed, as it is written down, or as its status has it."""
    written = read_record_if_whole(run[0].attempt(status.attempts).failure, Failure)
    state: EndState = status.state if is_end_state(status.state) else "failed"
    return written or failure_record(state, status.cause or status.state)


def seal(run: Run, status: RunStatus) -> bool:
    """Record an end that no process on the nodes recorded. Ranks that are cut off and still run then stop.

    Return False if one has recorded it since the status was judged, though it may be a minute before a shared file
    system shows that here: then the status is out of date.
    """
    attempt = run[0].attempt(max(1, status.attempts))
    if not is_end_state(status.state) or not attempt.path.exists() or os.path.lexists(attempt.failure):
        return True
    requeue: Requeuer | None = "orchestrator" if status.resubmit else None
    try:
        return publish_json(attempt.failure, failure_record(status.state, why_ended(status), requeue))
    except OSError:
        return True


def why_ended(status: RunStatus) -> str:
    """Return why an attempt ended, in one line."""
    return status.cause or (status.reason if status.resubmit else "") or status.state


def waiting(runs: Runs, statuses: Sequence[RunStatus]) -> Runs:
    """Return the runs to submit at some time."""
    return [run for run, status in zip(runs, statuses, strict=True) if status.state == "planned" or status.resubmit]


def startable(runs: Runs, statuses: Sequence[RunStatus], max_jobs: int) -> Runs:
    """Return the runs to submit now."""
    found = waiting(runs, statuses)
    in_flight = sum(not status.final for status in statuses) - len(found)
    return found[: max(0, max_jobs - in_flight)]


def go_elsewhere(scheduler: Scheduler, run: Run, status: RunStatus) -> None:
    """Have an ended run submitted again if a node failed and the profile asks for another node.

    The failed node is recorded in any case.
    """
    directory, manifest = run
    if status.state == "node-failed":
        nodes = [name for name in scheduler.failed_nodes(run) if name not in manifest.failed_nodes]
        if nodes:
            manifest.failed_nodes += nodes
            directory.write_manifest(manifest)
        status.cause = f"{status.cause} ({', '.join(manifest.failed_nodes)})" if nodes else status.cause
    again = (
        scheduler.goes_elsewhere(manifest) and manifest.attempts < manifest.config["cluster"]["limits"]["max_attempts"]
    )
    if status.state != "node-failed" or not again:
        return
    status.state, status.resubmit = "preempted-requeued", True
    status.reason = f"{status.cause}; goes on without {', '.join(manifest.failed_nodes) or 'it'}"


def cancel(scheduler: Scheduler, runs: Runs, seconds: float = 20.0) -> list[RunStatus]:
    """Cancel jobs in flight and wait up to ``seconds`` for their end. Runs not submitted yet are marked as
    cancelled, on disk, where whoever follows the campaign looks before it submits them.
    """
    with decisions(runs[0][0].path.parent):
        for run in runs:
            refresh(run)
        statuses = query_statuses(scheduler, runs)
        for (directory, manifest), status in zip(runs, statuses, strict=True):
            if status.state == "planned" or status.resubmit:
                manifest.attempts = max(1, manifest.attempts)
                directory.write_manifest(manifest)
                attempt = directory.attempt(manifest.attempts)
                attempt.make()
                write_json(attempt.failure, failure_record("cancelled", "cancelled before it was submitted"))
    flying = [run for run, status in zip(runs, statuses, strict=True) if not status.final]
    scheduler.cancel(flying)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        statuses = query_statuses(scheduler, runs)
        if all(status.final for status in statuses):
            break
        time.sleep(0.1)
    return statuses
