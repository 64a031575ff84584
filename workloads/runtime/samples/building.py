"""Folders that are there whole or not at all, whatever ends the process that makes them."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = ".partial"
_numbers = itertools.count()


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """An empty hidden sibling of ``folder`` to build in, removed at the end unless it was renamed.

    What processes of this machine left there when they were killed is removed first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    partial = folder.with_name(f".{folder.name}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}{SUFFIX}")
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes of this machine left while they built ``folder``."""
    for path in folder.parent.glob(f".{folder.name}.{socket.gethostname()}.*{SUFFIX}"):
        number = path.name.removesuffix(SUFFIX).split(".")[-2]
        if number.isdigit() and not Path(f"/proc/{number}").exists():
            shutil.rmtree(path, ignore_errors=True)
