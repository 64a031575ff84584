"""Watches the ranks of one job from the job's first node.

It starts them, has them checkpoint and stop when their time is up, ends them when one dies or all fall silent, and
records the first cause. ``supervise`` is given a path, and its results are files.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from orchestrator.launch.awake import AwakeClock
from orchestrator.launch.base import OwnJob, Standing
from orchestrator.launch.causes import first_cause, silent_ranks
from orchestrator.launch.dealing import Binding, hold_places
from orchestrator.launch.environment import for_steps
from orchestrator.launch.job import RankCommand, binds_here, rank_command
from orchestrator.launch.local import process_started
from orchestrator.launch.manifests import read_manifest
from orchestrator.launch.output import kernel_kills
from orchestrator.launch.schedulers import scheduler
from orchestrator.launch.signs import SeenSigns
from orchestrator.launch.watchdog import Watchdog
from orchestrator.records import (
    STOP_SCHEMA,
    AttemptDirectory,
    EndState,
    Manifest,
    RecordError,
    Requeuer,
    Result,
    RunDirectory,
    Stopped,
    StopRequest,
    alive_period,
    failure_record,
    find_record,
    host_name,
    now,
    read_alive,
    read_record_if_whole,
    why_unwritable,
    write_json,
)
from orchestrator.records.files import open_own
from orchestrator.records.settings import LimitsSettings

POLL_SECONDS = 0.05
GRACE_SECONDS = 3.0
LONGEST_LOOK_SECONDS = 30.0
ENDED_BY_KILL = re.compile(r"signal 9|: Killed")
LOOKS = 10
"""At the ranks' signs of life, to tell who is silent."""
RESERVE_BYTES = 64 * 1024
END_SIGNALS = (signal.SIGTERM, signal.SIGINT)
WARNING_SIGNAL = signal.SIGUSR2
"""The signal that a scheduler sends before the time limit and, if it is set up so, before it preempts."""
WARNING_SIGNALS = (WARNING_SIGNAL, signal.SIGUSR1)
"""That signal, and the one that many sites send of their own accord."""


@dataclass(frozen=True)
class Ending:
    """The end of an attempt without a result. ``requeue``: who starts the next one."""

    state: EndState
    cause: str
    requeue: Requeuer | None = None


class Supervisor:
    """Watches one attempt of one run."""

    def __init__(self, directory: RunDirectory, attempt: AttemptDirectory, manifest: Manifest) -> None:
        self.directory = directory
        self.attempt = attempt
        self.manifest = manifest
        self.scheduler = scheduler(manifest.scheduler)
        self.job = self.scheduler.own_job() or OwnJob(f"process {os.getpid()}")
        self.standing = Standing()
        self.ended_by: str | None = None
        self.warned = False
        self.stop_asked: str | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.kills_before = kernel_kills()

    @property
    def reserve_file(self) -> Path:
        """The file that keeps space free for failure.json."""
        return self.attempt.path / ".reserve"

    def run(self) -> bool:
        """Start the ranks and wait for their end; return True if the run completed."""
        for number in END_SIGNALS:
            signal.signal(number, self.end)
        for number in WARNING_SIGNALS:
            signal.signal(number, self.warn)
        most = self.limits["max_attempts"]
        if self.attempt.number > most:
            self.write_failure(Ending("failed", f"all {most} attempts (cluster.limits.max_attempts) were used up"))
            return False
        spec = self.manifest.spec
        with hold_places(spec.ranks, spec.threads_per_rank) if binds_here(self.manifest) else nullcontext() as binding:
            return self.run_ranks(binding)

    def run_ranks(self, binding: Binding | None) -> bool:
        """Start the ranks and wait for their end; ``binding`` tells them their cores, where they bind themselves."""
        try:
            command = rank_command(self.manifest, self.directory.path, self.attempt.number, binding)
        except FileNotFoundError as error:
            self.write_failure(Ending("failed", str(error)))
            return False
        try:
            self.start(command)
            ending = self.wait()
        finally:
            self.end_all()
        if ending is None:
            self.reserve_file.unlink(missing_ok=True)
            return read_record_if_whole(self.attempt.result, Result) is not None
        self.write_failure(ending)
        if ending.requeue == "scheduler":
            self.requeue(ending)
        return False

    @property
    def limits(self) -> LimitsSettings:
        """The profile's limits."""
        return self.manifest.config["cluster"]["limits"]

    def start(self, command: RankCommand) -> None:
        """Start the launcher in a process group of its own, which ends when this process ends."""
        self.reserve_file.write_bytes(bytes(RESERVE_BYTES))
        environment = for_steps({**os.environ, **command.environment})
        with (
            os.fdopen(open_own(self.attempt.stdout, append=True), "ab") as stdout,
            os.fdopen(open_own(self.attempt.stderr, append=True), "ab") as stderr,
        ):
            self.process = subprocess.Popen(
                command.words,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def wait(self) -> Ending | None:
        """Wait until the launcher ends or must be ended; return None if there is a result or if others know
        the ending.
        """
        assert self.process is not None
        clock = AwakeClock()
        watchdog = Watchdog(self.attempt, self.limits["silence_s"], self.limits["startup_silence_s"], clock)
        allowed = 60 * self.limits["time_min"]
        # The job's time runs since its script began, in whose place this process is: set-up and imports are part of it.
        deadline = clock.now() + allowed - min(seconds_since_start(), allowed / 4)
        # A scheduler sends its own signal earlier, where it was asked to.
        warning = deadline - min(self.limits["warning_s"], allowed / 2)
        next_look = 0.0
        while self.process.poll() is None:
            if self.ended_by and self.must_end():
                return self.why_it_ends()
            moment = clock.now()
            if moment > deadline:
                return Ending("timeout", self.time_limit)
            if (self.warned or moment > warning) and self.stop_asked is None:
                self.ask_to_stop()
            if moment > next_look:
                next_look = moment + 0.5
                if self.attempt.over:
                    return None
                silence = watchdog.silence()
                if silence is not None:
                    ending = self.why_silent(silence)
                    if read_record_if_whole(self.attempt.result, Result):
                        # All was measured and written; ranks that hang as they leave take nothing from it.
                        return None
                    if not self.ended_by:
                        return ending
            time.sleep(POLL_SECONDS)
        if self.process.returncode == 0:
            try:
                if find_record(self.attempt.result, Result):
                    return None
            except RecordError as error:
                return Ending("failed", str(error))
        # Whoever ends a job may end the ranks before us, and they take that as the request to stop.
        if self.must_end():
            return self.why_it_ends()
        stopped = read_record_if_whole(self.attempt.stopped, Stopped)
        if self.process.returncode == 0 and stopped is not None:
            return self.go_on_later(stopped["total_steps"])
        cause = first_cause(self.attempt, self.manifest, self.process.returncode)
        if ENDED_BY_KILL.search(cause) and kernel_kills() > self.kills_before:
            cause = f"{cause}: out of memory, by the kernel of {host_name()}"
        if shutil.disk_usage(self.attempt.path).free < RESERVE_BYTES:
            cause = f"the file system of {self.attempt.path} is full ({cause})"
        if reason := why_unwritable(self.attempt.path):
            cause = f"{reason} ({cause})"
        return Ending("failed", cause)

    @property
    def time_limit(self) -> str:
        """The message that the time limit is reached."""
        return f"the time limit of {self.limits['time_min']} min was reached"

    @property
    def was_the_last(self) -> str:
        """The words that no attempt is left."""
        return f"and of {self.limits['max_attempts']} attempts (cluster.limits.max_attempts) this was the last"

    def must_end(self) -> bool:
        """Whether the job is being ended. A SIGTERM to a job that continues to run is a warning of preemption."""
        if not self.job.keeps_account or self.ended_by == "SIGINT":
            return self.ended_by is not None
        self.standing = self.job.standing()
        if self.standing.runs:
            self.warned = self.warned or self.ended_by is not None
            self.ended_by = None
            return False
        return bool(self.standing.word) or self.ended_by is not None

    def why_it_ends(self) -> Ending | None:
        """Return why the job is being ended; None if its scheduler does not say (the orchestrator will learn it)."""
        if not self.job.keeps_account or self.ended_by == "SIGINT":
            return Ending("cancelled", f"cancelled by {self.ended_by}")
        state, product, job = self.standing.ending, self.job.product, self.job.id
        if state is None:
            return None
        if state == "preempted-requeued":
            if self.scheduler.requeues(self.manifest):
                cause = f"{product} put job {job} back into the queue before the ranks had stopped"
                return Ending(state, cause, "scheduler")
            cause, most = f"{product} preempted job {job} before the ranks had stopped", self.limits["max_attempts"]
            if self.attempt.number < most:
                return Ending(state, cause, "orchestrator")
            return Ending("failed", f"{cause}, {self.was_the_last}")
        if state == "node-failed":
            cause = f"node {','.join(self.job.down_nodes()) or '(which is unknown)'} failed"
            again = self.attempt.number < self.limits["max_attempts"] and self.scheduler.requeues(self.manifest)
            return Ending("preempted-requeued", cause, "scheduler") if again else Ending(state, cause)
        if state == "timeout":
            return Ending(state, self.time_limit)
        return Ending(state, f"{product} job {job} {self.standing.how or f'was ended: {self.standing.word}'}")

    def why_silent(self, seconds: float) -> Ending:
        """Return the cause of a silence: a node that the scheduler has given up, or ranks."""
        cause = f"no progress for {seconds:.0f} s: {self.silent_ranks()}"
        nodes = ",".join(self.job.down_nodes())
        return Ending("node-failed", f"node {nodes} failed: {cause}") if nodes else Ending("failed", cause)

    def ask_to_stop(self) -> None:
        """Request that the ranks checkpoint and stop at their next step."""
        self.stop_asked = "preempted" if self.job.is_preempted() else "time limit"
        try:
            request: StopRequest = {"schema": STOP_SCHEMA, "reason": self.stop_asked, "time": now()}
            write_json(self.attempt.stop_request, request)
        except OSError as error:
            print(f"the ranks could not be asked to stop: {error}", flush=True)

    def go_on_later(self, steps: int) -> Ending:
        """Return the ending of ranks that stopped in order. Another attempt continues, if one is allowed."""
        near = f"the time limit of {self.limits['time_min']} min was near"
        reason = near if self.stop_asked == "time limit" else f"preempted by {self.job.product} (job {self.job.id})"
        kept = f"{reason}; checkpoint after step {steps}"
        most = self.limits["max_attempts"]
        if self.attempt.number >= most:
            state: EndState = "timeout" if self.stop_asked == "time limit" else "failed"
            return Ending(state, f"{kept}, {self.was_the_last}")
        if self.stop_asked == "time limit" and steps <= self.steps_before():
            more = "this attempt added none, nor would another; set cluster.limits.time_min higher"
            return Ending("timeout", f"{kept}: {more}")
        by_scheduler = self.scheduler.requeues(self.manifest)
        return Ending("preempted-requeued", kept, "scheduler" if by_scheduler else "orchestrator")

    def steps_before(self) -> int:
        """Return the steps that all earlier attempts made, as far as they stopped in order."""
        earlier = [attempt for attempt in self.directory.attempts() if attempt.number < self.attempt.number]
        stops = [read_record_if_whole(attempt.stopped, Stopped) for attempt in earlier]
        return max((stop["total_steps"] for stop in stops if stop is not None), default=0)

    def requeue(self, ending: Ending) -> None:
        """Ask the scheduler to start this job again. If it refuses, the orchestrator submits the next attempt."""
        # It ends this process on the way.
        for number in (*END_SIGNALS, *WARNING_SIGNALS):
            signal.signal(number, signal.SIG_IGN)
        refused = self.job.requeue()
        # A job that is being ended by now, is being put back into the queue already.
        if refused is not None and self.job.standing().runs:
            self.write_failure(Ending(ending.state, f"{ending.cause}; no requeue ({refused})", "orchestrator"))

    def silent_ranks(self) -> str:
        """Return the ranks that cause the silence. It takes a few periods of the signs of life, in which a stopped rank
        gives none.
        """
        ranks = self.manifest.spec.ranks
        signs = SeenSigns(self.attempt.alive)
        seconds = min(2.5 * alive_period(ranks), LONGEST_LOOK_SECONDS)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.ended_by:
            signs.look()
            time.sleep(seconds / LOOKS)
        signs.look()
        return silent_ranks(signs.slots, signs.ages(), ranks)

    def end(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal to end: note it, and let the loop end the ranks in order."""
        self.ended_by = signal.Signals(number).name

    def warn(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal that time is nearly up."""
        self.warned = True

    def end_all(self) -> None:
        """End the launcher and every rank on this node, first by SIGTERM, then by SIGKILL; return when they
        are gone.
        """
        if self.process is None:
            return
        group = self.process.pid
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                # A stopped process takes no SIGTERM before it is continued.
                for each in (number, signal.SIGCONT):
                    try:
                        os.killpg(group, each)
                    except ProcessLookupError:
                        break
                wait_until(lambda: self.process is None or self.process.poll() is not None, GRACE_SECONDS)
        for pid in self.ranks_here():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        wait_until(lambda: not self.ranks_here(), GRACE_SECONDS)

    def ranks_here(self) -> list[int]:
        """Return the process ids of this run's ranks on this node, recognised by their command line."""
        alive = []
        for slot in read_alive(self.attempt.alive).values():
            try:
                words = Path(f"/proc/{slot.pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"workloads.entry" in words and str(self.directory.path).encode() in words:
                alive.append(slot.pid)
        return alive

    def write_failure(self, ending: Ending) -> None:
        """Record how the attempt ended, even if the disk is full: space was reserved for it."""
        try:
            self.reserve_file.unlink(missing_ok=True)
            write_json(self.attempt.failure, failure_record(ending.state, ending.cause, ending.requeue))
        except OSError as error:
            # Whoever follows the run finds the folder as it is.
            print(f"{ending.state}: {ending.cause}; it cannot be written down: {error}", flush=True)


def wait_until(condition: Any, seconds: float) -> None:
    """Return when the condition holds, or after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def seconds_since_start() -> float:
    """Return the age of this process; 0 where the system does not tell."""
    started = process_started(os.getpid())
    return 0.0 if started is None else max(0.0, time.time() - started)


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent ends (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def supervise(path: str, attempt_number: int) -> bool:
    """Run one attempt of the run in the folder ``path``; return True if it completed. This is the program of a job."""
    directory = RunDirectory(Path(path))
    manifest = read_manifest(directory)
    attempt = directory.attempt(attempt_number)
    attempt.make()
    return Supervisor(directory, attempt, manifest).run()
