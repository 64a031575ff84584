"""Only one of several processes at a time: the lock of a file, which the system releases however its process ends.

Beside the lock stands who holds it, for people. A file system may have no locks: then nobody waits, and what must not
be done twice is made so that doing it twice does no harm.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestrator.records.checking import RecordError
from orchestrator.records.files import open_own, read_plain
from orchestrator.records.signs import host_name

MOST_HOLDER = 1000
"""Bytes that who holds a lock is told in."""
LOOK_SECONDS = 0.5
"""How often a waiting process tries again."""
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems without locks answer."""


class OneAtATime:
    """A lock file, and whether this process has it."""

    def __init__(self, path: Path) -> None:
        # Most commands lock nothing, and it takes 30 ms to import.
        from filelock import FileLock

        self.path = path
        self.lock = FileLock(path, thread_local=False)
        self.named = path.with_name(f"{path.name}.holder")

    @property
    def held(self) -> bool:
        """Whether this process holds the lock: never on a file system without locks."""
        return bool(self.lock.is_locked)

    def try_to_take(self) -> bool:
        """Take the lock; False if another process has it. True also where there are no locks."""
        from filelock import Timeout

        # Releases of filelock take that for another process's lock, or go on with a file of theirs and a warning.
        if lacks_locks(self.path.parent):
            return True
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            return False
        with suppress(OSError), os.fdopen(open_own(self.named), "w", encoding="utf-8") as file:
            file.write(f"process {os.getpid()} on {host_name()}")
        return True

    def holder(self) -> str:
        """Who has it, as that process has written it down."""
        try:
            return read_plain(self.named, MOST_HOLDER).decode("utf-8", "replace") or "another process"
        except RecordError:
            return "another process"

    def release(self) -> None:
        """Let the next one in."""
        if self.held:
            self.named.unlink(missing_ok=True)
            self.lock.release()


def lacks_locks(folder: Path) -> bool:
    """Whether the file system of a folder has no locks: one of a file of its own is tried."""
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".locks-") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in NO_LOCKS
    return False


@contextmanager
def one_at_a_time(path: Path, waiting: Callable[[str], object], every: float = LOOK_SECONDS) -> Iterator[OneAtATime]:
    """Hold the lock file within the context.

    While another process has it, ``waiting`` is called every so many seconds with who that is. It may raise what ends
    the waiting.
    """
    lock = OneAtATime(path)
    while not lock.try_to_take():
        waiting(lock.holder())
        time.sleep(every)
    try:
        yield lock
    finally:
        lock.release()
