"""Folders that appear only when they are complete, however the process that makes them ends."""

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
def build_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty hidden sibling of ``folder`` to build in. It is removed at the end unless it was renamed.

    Leftovers of killed processes of this machine are removed first.
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
    """Remove what killed processes of this machine left of building ``folder``."""
    for path in folder.parent.glob(f".{folder.name}.{socket.gethostname()}.*{SUFFIX}"):
        number = path.name.removesuffix(SUFFIX).split(".")[-2]
        if number.isdigit() and not Path(f"/proc/{number}").exists():
            shutil.rmtree(path, ignore_errors=True)
