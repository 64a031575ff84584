"""Free space, checked before anything large is written."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from workloads.runtime.errors import DatasetError

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a full file system, or of a user's exhausted quota."""


def gigabytes(count: float) -> str:
    """Return bytes for people: "5.24 GB", "812.0 MB", "17 bytes"."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.2f} {unit}" if count < 10 * size else f"{count / size:.1f} {unit}"
    return f"{count:.0f} bytes"


def free_bytes(folder: Path) -> int:
    """Return the bytes free to this user in the file system of ``folder``, which may not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise DatasetError unless ``needed`` bytes are free at ``folder``."""
    free = free_bytes(folder)
    if needed > free:
        raise DatasetError(
            f"{what} needs {gigabytes(needed)}, free are {gigabytes(free)} at {folder}: "
            f"make room for {gigabytes(needed - free)} or choose another place"
        )
