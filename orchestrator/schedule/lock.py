"""One sweep at a time on a cluster: a lock that its holder keeps, and a file that names the holder.

The system releases a lock with its process. Where there are none, host, boot, process id and the process's start
identify the holder, so a dead process is not mistaken for another one that got its id. Of a holder on another host the
Slurm job tells, if it has one; its clock is not compared with this host's.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from orchestrator.errors import OrchestratorError
from orchestrator.launch.schedulers import may_live, own_job
from orchestrator.records import OneAtATime, RecordError, now, one_at_a_time, read_json_if_whole, write_json
from orchestrator.records.spec import known_fields

BOOT = Path("/proc/sys/kernel/random/boot_id")


class Locked(OrchestratorError):
    """Another sweep runs; the message names its holder."""


@dataclass(frozen=True)
class Holder:
    """The holder of the lock. ``started`` and ``until`` are seconds since the epoch, of its host's clock; ``birth`` is
    the start of the process. ``locked``: it keeps the system's lock too.
    """

    name: str
    host: str
    boot: str
    pid: int
    birth: float
    job: str | None
    started: float
    until: float
    locked: bool = False

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


def is_alive(holder: Holder, me: Holder, free: bool) -> bool:
    """Whether the holder still runs, or may still run. ``free``: nobody has the system's lock."""
    if holder.job is not None and holder.job == me.job:
        # The same job, requeued: what it was before is gone.
        return (holder.host, holder.pid) == (me.host, me.pid)
    if holder.locked and free:
        # Where hosts do not see each other's locks, its job still tells.
        return holder.job is not None and holder.host != me.host and may_live(holder.job)
    if holder.host == me.host:
        try:
            return holder.boot == me.boot and abs(psutil.Process(holder.pid).create_time() - holder.birth) < 1.0
        except psutil.NoSuchProcess:
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
    lock = OneAtATime(path.with_suffix(".lock"))
    deadline = time.monotonic() + wait_s
    said = None
    while (other := try_to_take(path, me, lock, tell)) is not None:
        if time.monotonic() >= deadline or unwanted():
            raise Locked(f"another sweep of this cluster runs still: {other}; if it is no more, remove {path}")
        if said != other:
            tell(f"waiting for {other}")
            said = other
        time.sleep(min(5.0, max(0.05, wait_s / 20)))
    try:
        yield
    finally:
        with guarded(path):
            if holder_of(path) == replace(me, locked=lock.held):
                path.unlink(missing_ok=True)
            lock.path.unlink(missing_ok=True)
            lock.release()


def guarded(path: Path) -> AbstractContextManager[OneAtATime]:
    """Only for as long as it takes to look and to write: no sweep is waited for here."""
    return one_at_a_time(path.with_suffix(".guard"), lambda who: None, 0.02)


def try_to_take(path: Path, me: Holder, lock: OneAtATime, tell: Callable[[str], None]) -> Holder | None:
    """Take the lock and return None, or return the living holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with guarded(path):
        other = holder_of(path)
        if not lock.try_to_take():
            return other or replace(me, name=lock.holder())
        if other is not None and is_alive(other, me, free=lock.held):
            lock.release()
            return other
        if other is not None:
            tell(f"a lock is left of {other}, which is no more; taken over")
        write_json(path, asdict(replace(me, locked=lock.held)))
    return None
