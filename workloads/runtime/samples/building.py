"""Folders that appear only when they are complete, however the process that makes them ends."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.records import OneAtATime

SUFFIX, LOCK = ".partial", ".lock"
_numbers = itertools.count()


@contextmanager
def build_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty hidden sibling of ``folder`` to build in. It is removed at the end unless it was renamed.

    Its maker holds a lock beside it. Leftovers of processes of this host that were killed are removed first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    partial = folder.with_name(f".{folder.name}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}{SUFFIX}")
    lock = OneAtATime(lock_of(partial))
    # Nobody else asks for it before the folder is there.
    lock.try_to_take()
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        lock.path.unlink(missing_ok=True)
        lock.release()


def lock_of(partial: Path) -> Path:
    """The lock file that the maker of a folder holds."""
    return partial.with_name(f"{partial.name}{LOCK}")


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes of this host left of building ``folder``: what nobody holds the lock of.

    A process's number tells nothing: it may live in another container, or on another host of the same name. Where
    there are no locks nothing is removed.
    """
    for partial in folder.parent.glob(f".{folder.name}.{socket.gethostname()}.*{SUFFIX}"):
        lock = OneAtATime(lock_of(partial))
        if not lock.path.exists() or not lock.try_to_take():
            continue
        if lock.held:
            shutil.rmtree(partial, ignore_errors=True)
            lock.path.unlink(missing_ok=True)
        lock.release()
