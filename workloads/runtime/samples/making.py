"""Only one of several processes makes a data set; the others wait for it, and are told for whom."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from orchestrator.records import host_name

LOOK_SECONDS = 5.0
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def only_maker(folder: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Nobody else makes ``folder`` meanwhile. ``waiting`` is told once who does, where somebody does.

    The system releases the lock with its process, however that ends. On a file system without locks nobody waits: then
    both make it, each beside its place, and the first that is done has made it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    holder = folder.with_name(f".{folder.name}.maker")
    told = False
    while True:
        try:
            lock.acquire(timeout=LOOK_SECONDS if told else 0)
            break
        except Timeout:
            if not told:
                told = True
                waiting(read_holder(holder))
        except NotImplementedError:
            break
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            break
    try:
        with suppress(OSError):
            holder.write_text(f"process {os.getpid()} on {host_name()}", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def read_holder(path: Path) -> str:
    """Who makes it, as that process has written it down."""
    try:
        return path.read_text(encoding="utf-8", errors="replace") or "another process"
    except OSError:
        return "another process"
