"""Minds the ranks of one job, on the job's first node: starts them, ends them when one dies or all fall silent, and
writes down the first cause.

submitit runs ``supervise``; what it is given is a path, and what it leaves behind is files.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from orchestrator.launch.causes import first_cause, silent_ranks
from orchestrator.launch.job import RankCommand, rank_command
from orchestrator.records import (
    FAILURE_SCHEMA,
    AttemptDirectory,
    Manifest,
    RunDirectory,
    alive_period,
    now,
    read_alive,
    read_json_if_whole,
    write_json,
)

POLL_SECONDS = 0.05
GRACE_SECONDS = 3.0
LONGEST_LOOK_SECONDS = 30.0
RESERVE_BYTES = 64 * 1024
CANCEL_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class Watchdog:
    """Tells when ranks have been silent for too long: no step done, no phase begun."""

    attempt: AttemptDirectory
    silence_s: float
    startup_silence_s: float
    started: float = field(default_factory=time.monotonic)
    newest: tuple[Any, ...] = ()
    changed: float = field(default_factory=time.monotonic)
    training: bool = False

    def silence(self) -> float | None:
        """Seconds of silence if they exceed what the profile allows, else None."""
        heartbeat = read_json_if_whole(self.attempt.heartbeat) or {}
        mark = (heartbeat.get("phase"), heartbeat.get("step"), heartbeat.get("progress"))
        if mark != self.newest:
            self.newest, self.changed = mark, time.monotonic()
            self.training = bool(heartbeat.get("step"))
        silent = time.monotonic() - self.changed
        return silent if silent > (self.silence_s if self.training else self.startup_silence_s) else None


class Supervisor:
    """One attempt of one run."""

    def __init__(self, directory: RunDirectory, attempt: AttemptDirectory, manifest: Manifest) -> None:
        self.directory = directory
        self.attempt = attempt
        self.manifest = manifest
        self.cancelled_by: str | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def reserve(self) -> Path:
        """A file whose only use is its space."""
        return self.attempt.path / ".reserve"

    def run(self) -> bool:
        """Start the ranks and stay until they have ended; True if the run completed."""
        for number in CANCEL_SIGNALS:
            signal.signal(number, self.cancel)
        try:
            command = rank_command(self.manifest, self.directory.path, self.attempt.number)
        except FileNotFoundError as error:
            self.write_failure("failed", str(error))
            return False
        try:
            self.start(command)
            state, cause = self.wait()
        finally:
            self.end_all()
        if state is None:
            self.reserve.unlink(missing_ok=True)
            return True
        self.write_failure(state, cause)
        return False

    def start(self, command: RankCommand) -> None:
        """Start the launcher in a process group of its own, to end with us whatever becomes of us."""
        self.reserve.write_bytes(bytes(RESERVE_BYTES))
        environment = {**os.environ, **command.environment}
        with self.attempt.stdout.open("ab") as stdout, self.attempt.stderr.open("ab") as stderr:
            self.process = subprocess.Popen(
                command.words,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def wait(self) -> tuple[str | None, str]:
        """Until the launcher ends, the run is cancelled, falls silent or out of time: (final state or None, cause)."""
        assert self.process is not None
        limits = self.manifest.config["cluster"]["limits"]
        watchdog = Watchdog(self.attempt, limits["silence_s"], limits["startup_silence_s"])
        deadline = time.monotonic() + 60 * limits["time_min"]
        next_look = 0.0
        while self.process.poll() is None:
            if self.cancelled_by:
                return "cancelled", f"cancelled by {self.cancelled_by}"
            if time.monotonic() > deadline:
                return "timeout", f"the time limit of {limits['time_min']} min was reached"
            if time.monotonic() > next_look:
                next_look = time.monotonic() + 0.5
                silence = watchdog.silence()
                if silence is not None:
                    cause = f"no progress for {silence:.0f} s: {self.silent_ranks()}"
                    if not self.cancelled_by:
                        return "failed", cause
            time.sleep(POLL_SECONDS)
        if self.cancelled_by:
            return "cancelled", f"cancelled by {self.cancelled_by}"
        if self.process.returncode == 0 and read_json_if_whole(self.attempt.result):
            return None, ""
        cause = first_cause(self.attempt, self.manifest, self.process.returncode)
        if shutil.disk_usage(self.attempt.path).free < RESERVE_BYTES:
            cause = f"the file system of {self.attempt.path} is full ({cause})"
        return "failed", cause

    def silent_ranks(self) -> str:
        """Whom the silence is due to. Takes some periods of the signs of life: a stopped rank gives none meanwhile."""
        ranks = self.manifest.spec.ranks
        before = read_alive(self.attempt.alive)
        wait_until(lambda: bool(self.cancelled_by), min(2.5 * alive_period(ranks), LONGEST_LOOK_SECONDS))
        return silent_ranks(before, read_alive(self.attempt.alive), ranks)

    def cancel(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: remember, and let the loop end things in order."""
        self.cancelled_by = signal.Signals(number).name

    def end_all(self) -> None:
        """End the launcher and every rank on this node, politely, then not. Returns when they are gone."""
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
        """Process ids of this run's ranks that live on this node, checked by their command line."""
        alive = []
        for slot in read_alive(self.attempt.alive).values():
            try:
                words = Path(f"/proc/{slot.pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"workloads.entry" in words and str(self.directory.path).encode() in words:
                alive.append(slot.pid)
        return alive

    def write_failure(self, state: str, cause: str) -> None:
        """Record how the run ended, also where the disk is full: room for that was put by."""
        failure = {
            "schema": FAILURE_SCHEMA,
            "state": state,
            "cause": cause,
            "host": socket.gethostname(),
            "ended": now(),
        }
        self.reserve.unlink(missing_ok=True)
        write_json(self.attempt.failure, failure)


def wait_until(condition: Any, seconds: float) -> None:
    """Return when the condition holds, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent ends (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def supervise(path: str, attempt_number: int) -> bool:
    """Run one attempt of the run in the folder ``path``; True if it completed. This is what the job executes."""
    directory = RunDirectory(Path(path))
    manifest = directory.read_manifest()
    # A job that Slurm put back into the queue starts again under the same id: that is a new attempt.
    restarts = int(os.environ.get("SLURM_RESTART_COUNT") or 0)
    attempt = directory.attempt(attempt_number + restarts)
    attempt.path.mkdir(parents=True, exist_ok=True)
    if restarts:
        manifest.attempts = attempt.number
        directory.write_manifest(manifest)
    return Supervisor(directory, attempt, manifest).run()
