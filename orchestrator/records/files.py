"""How records are read and written. A file is written whole or not at all: beside its place, then renamed.

Whatever stands in a run's folder may be damaged or foreign, so that there is one reader for all records: of plain
files only, up to a size, and of the type that is expected; anything else is an error that names the file.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import stat
from pathlib import Path
from typing import IO, Any, TypeVar

from orchestrator.records.checking import RecordError, check_record

T = TypeVar("T")

MOST_BYTES = 64 * 2**20
"""Size of a record that is read: the result of 100,000 ranks is less than half of that."""


NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What file systems answer that cannot be told to write to their disk, as some in user space."""


class MissingRecordError(RecordError):
    """A record is not there."""


def canonical_json(document: Any) -> str:
    """JSON with sorted keys and no spaces: equal documents give equal texts."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def document_hash(document: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a file by rename. Raises OSError, leaving any earlier file as it was."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with staged.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            settle(file)
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)
        raise


def settle(file: IO[Any]) -> None:
    """Have a file's content on its disk before it is given its name, as far as the file system can do that."""
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file by rename."""
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def why_unwritable(folder: Path) -> str | None:
    """Why this process cannot write into a folder, or None. Nothing is tried."""
    if os.access(folder, os.W_OK):
        return None
    try:
        read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError as error:
        return f"{folder} cannot be reached ({error.strerror})"
    return f"{folder} cannot be written ({'its file system is read-only' if read_only else 'its mode forbids it'})"


def read_plain(path: Path) -> bytes:
    """The content of a plain file of at most MOST_BYTES; raises RecordError naming the file.

    A pipe or a device in its place is refused before it can be waited for.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingRecordError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RecordError(f"{path} is not a plain file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    finally:
        os.close(descriptor)
    if len(content) > MOST_BYTES:
        raise RecordError(f"{path} is longer than {MOST_BYTES} bytes, which no record is")
    return content


def read_json(path: Path, undecodable: str = "strict") -> dict[str, Any]:
    """The object in a JSON file; raises RecordError naming the file.

    ``undecodable`` is what to do with bytes that are no UTF-8, in codecs' words.
    """
    try:
        content = read_plain(path).decode("utf-8", undecodable)
        document = json.loads(content, parse_constant=refuse_constant, parse_float=read_finite)
    except RecordError:
        raise
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits or lists nested as deep are errors of these kinds too.
        raise RecordError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise RecordError(f"{path} holds {type(document).__name__}, not an object")
    return document


def refuse_constant(name: str) -> float:
    """NaN and Infinity, which Python would read, are no JSON."""
    raise ValueError(f"{name} is not JSON")


def read_finite(text: str) -> float:
    """A number; one that is too great for a float would become infinite."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too great a number")
    return value


def read_record(path: Path, kind: type[T], undecodable: str = "strict") -> T:
    """The record in a file, checked against its TypedDict.

    Raises MissingRecordError if there is none, RecordError naming file and key if it is not of this type: its schema
    may be that of a later version.
    """
    return check_record(read_json(path, undecodable), kind, str(path))


def find_record(path: Path, kind: type[T]) -> T | None:
    """The record in a file, or None if there is none; raises RecordError for one that is damaged."""
    try:
        return read_record(path, kind)
    except MissingRecordError:
        return None


def read_record_if_whole(path: Path, kind: type[T], undecodable: str = "strict") -> T | None:
    """The record in a file, or None if it is absent, damaged or not (yet) readable: for what is read again anyway."""
    try:
        return read_record(path, kind, undecodable)
    except RecordError:
        return None


def read_json_if_whole(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, or None if it is absent or not (yet) readable."""
    try:
        return read_json(path)
    except RecordError:
        return None
