"""One sweep at a time on a cluster: a file that says who runs it, and whether that one still lives.

The holder is known by host, boot, process id and the moment that the process began, so that neither a process that died
nor another that got its number passes for it. Of a holder on another host only its job, where it is one, and its
time limit can be judged.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from orchestrator.errors import OrchestratorError
from orchestrator.records import now, read_json_if_whole, write_json

BOOT = Path("/proc/sys/kernel/random/boot_id")


class Locked(OrchestratorError):
    """Another sweep runs; the message says whose."""


@dataclass(frozen=True)
class Holder:
    """Who holds the lock. ``started`` and ``until`` are seconds since the epoch, ``birth`` the process's own start."""

    name: str
    host: str
    boot: str
    pid: int
    birth: float
    job: str | None
    started: float
    until: float

    def __str__(self) -> str:
        """For people."""
        job = f", job {self.job}" if self.job else ""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.started))
        return f"{self.name} (process {self.pid} on {self.host}{job}, since {since})"


def this_process(name: str, seconds: float) -> Holder:
    """This process as a holder, for at most so long."""
    boot = BOOT.read_text(encoding="utf-8").strip() if BOOT.exists() else ""
    job = os.environ.get("SLURM_JOB_ID")
    birth = psutil.Process().create_time()
    return Holder(name, socket.gethostname(), boot, os.getpid(), birth, job, now(), now() + seconds)


def alive(holder: Holder, me: Holder) -> bool:
    """Whether the holder still runs, or might."""
    if holder.job is not None and holder.job == me.job:
        # The same job, requeued: what it was before is gone.
        return (holder.host, holder.pid) == (me.host, me.pid)
    if holder.host == me.host:
        try:
            return holder.boot == me.boot and abs(psutil.Process(holder.pid).create_time() - holder.birth) < 1.0
        except psutil.NoSuchProcess:
            return False
    if now() > holder.until:
        return False
    return holder.job is None or job_lives(holder.job)


def job_lives(job: str) -> bool:
    """Whether Slurm knows the job as one that has not ended; True where it does not answer."""
    try:
        answer = subprocess.run(
            ["squeue", "--noheader", f"--jobs={job}", "--format=%T"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    if answer.returncode:
        return "Invalid job id" not in answer.stderr
    return bool(answer.stdout.strip())


def holder_of(path: Path) -> Holder | None:
    """Who the file says; None where there is none, or nothing that can be read."""
    document: dict[str, Any] | None = read_json_if_whole(path)
    try:
        return Holder(**document) if document else None
    except TypeError:
        return None


@contextmanager
def lock(
    path: Path,
    name: str,
    seconds: float,
    wait_s: float,
    tell: Callable[[str], None],
    unwanted: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Hold the lock, for a sweep of at most so many seconds, once whoever holds it lets go. Raises Locked,
    also where the sweep is ``unwanted`` before that.
    """
    me = this_process(name, seconds)
    deadline = time.monotonic() + wait_s
    said = None
    while (other := taken(path, me, tell)) is not None:
        if time.monotonic() >= deadline or unwanted():
            raise Locked(f"another sweep of this cluster runs still: {other}")
        if said != other:
            tell(f"waiting for {other}")
            said = other
        time.sleep(min(5.0, max(0.05, wait_s / 20)))
    try:
        yield
    finally:
        if holder_of(path) == me:
            path.unlink(missing_ok=True)


def taken(path: Path, me: Holder, tell: Callable[[str], None]) -> Holder | None:
    """Take the lock and return None, or return who lives and holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only for as long as it takes to look and to write: no sweep is waited for here.
    with path.with_suffix(".guard").open("w", encoding="utf-8") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        other = holder_of(path)
        if other is not None and alive(other, me):
            return other
        if other is not None:
            tell(f"a lock is left of {other}, which is no more; taken over")
        write_json(path, asdict(me))
    return None
