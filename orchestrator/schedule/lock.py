"""One sweep at a time on a cluster: a lock file that names its holder, and the test whether the holder still lives.

Host, boot, process id and the process's start identify the holder, so a dead process is not mistaken for another one
that got its id. A holder on another host is judged by its Slurm job, if it has one, and by its time limit.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from orchestrator.errors import OrchestratorError
from orchestrator.launch.schedulers import may_live, own_job
from orchestrator.records import RecordError, now, read_json_if_whole, write_json
from orchestrator.records.spec import known_fields

BOOT = Path("/proc/sys/kernel/random/boot_id")


class Locked(OrchestratorError):
    """Another sweep runs; the message names its holder."""


@dataclass(frozen=True)
class Holder:
    """The holder of the lock. ``started`` and ``until`` are seconds since the epoch; ``birth`` is the start of the
    process.
    """

    name: str
    host: str
    boot: str
    pid: int
    birth: float
    job: str | None
    started: float
    until: float

    def __str__(self) -> str:
        """Name, process, host and start, for people."""
        job = f", job {self.job}" if self.job else ""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.started))
        return f"{self.name} (process {self.pid} on {self.host}{job}, since {since})"


def this_process(name: str, seconds: float) -> Holder:
    """Return this process as a holder for at most ``seconds``."""
    boot = BOOT.read_text(encoding="utf-8").strip() if BOOT.exists() else ""
    own = own_job()
    job = own.id if own.keeps_account else None
    birth = psutil.Process().create_time()
    return Holder(name, socket.gethostname(), boot, os.getpid(), birth, job, now(), now() + seconds)


def is_alive(holder: Holder, me: Holder) -> bool:
    """Whether the holder still runs, or may still run."""
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
    return holder.job is None or may_live(holder.job)


def holder_of(path: Path) -> Holder | None:
    """Return the holder that the file names; None if there is no readable file."""
    document = read_json_if_whole(path)
    try:
        return Holder(**known_fields(Holder, document)) if document else None
    except RecordError:
        return None


@contextmanager
def hold_lock(
    path: Path,
    name: str,
    seconds: float,
    wait_s: float,
    tell: Callable[[str], None],
    unwanted: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Hold the lock within the context for a sweep of at most ``seconds``, after waiting up to ``wait_s``.

    Raises Locked if the wait is too long, or if the sweep becomes ``unwanted`` first.
    """
    me = this_process(name, seconds)
    deadline = time.monotonic() + wait_s
    said = None
    while (other := try_to_take(path, me, tell)) is not None:
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


def try_to_take(path: Path, me: Holder, tell: Callable[[str], None]) -> Holder | None:
    """Take the lock and return None, or return the living holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only for as long as it takes to look and to write: no sweep is waited for here.
    with path.with_suffix(".guard").open("w", encoding="utf-8") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        other = holder_of(path)
        if other is not None and is_alive(other, me):
            return other
        if other is not None:
            tell(f"a lock is left of {other}, which is no more; taken over")
        write_json(path, asdict(me))
    return None
