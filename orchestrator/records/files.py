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
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from orchestrator.records.checking import RecordError, check_record

T = TypeVar("T")

MOST_BYTES = 64 * 2**20
"""Size of a record that is read: the result of 100,000 ranks is less than half of that."""

READ_BYTES = 2**16

NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What file systems answer that cannot be told to write to their disk, as some in user space."""


NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV)
"""Errors of file systems without hard links."""
NO_FILE = (errno.ELOOP, errno.ENXIO, errno.EMLINK)
"""What opening a link or a pipe without a reader answers where neither is followed or waited for."""
NOT_PLAIN = "is not a plain file"


class MissingRecordError(RecordError):
    """A record is not there."""


def canonical_json(document: Any) -> str:
    """JSON with sorted keys and no spaces: equal documents give equal texts."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def document_hash(document: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


def write_text(path: Path, text: str, settled: bool = True) -> None:
    """Write a file by rename; unless ``settled``, a crash of the machine may lose its content. Raises OSError, leaving
    any earlier file as it was.
    """
    staged = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(open_own(staged), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            if settled:
                settle(file)
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)
        raise


def open_own(path: Path, append: bool = False) -> int:
    """Open a file that this program makes, for writing, empty unless ``append``; return its descriptor.

    Whoever made the folder may have put a link or a pipe in the file's place: neither is followed or waited for.
    Raises OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_APPEND if append else 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno in NO_FILE:
            raise OSError(error.errno, NOT_PLAIN, str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, NOT_PLAIN, str(path))
    if not append:
        os.ftruncate(descriptor, 0)
    return descriptor


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """Yield where to write what a person wants at a place: at the end of the context it stands there, whole.

    A file is replaced by rename, that which a link leads to where there is one. What is no file, such as a terminal or
    a pipe, is written to. Raises OSError, leaving any earlier file as it was.
    """
    place = path.resolve()
    if place.exists() and not place.is_file() and not place.is_dir():
        with tempfile.TemporaryDirectory() as folder:
            staged = Path(folder) / "written"
            yield staged
            with staged.open("rb") as source, place.open("wb") as target:
                shutil.copyfileobj(source, target)
        return
    staged = place.with_name(f".{place.name}.{os.getpid()}.partial")
    staged.unlink(missing_ok=True)
    try:
        yield staged
        staged.replace(place)
    finally:
        staged.unlink(missing_ok=True)


def write_output(path: Path, text: str) -> None:
    """Write a text where a person wants it (see output_file). Raises OSError."""
    with output_file(path) as staged:
        write_text(staged, text)


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone. Raises OSError.

    Of folders that are there already the rights stay: whoever wants others to read results gives them those.
    """
    for path in [*reversed(folder.parents), folder]:
        if not path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)


def make_own(folder: Path) -> None:
    """Make a folder in one of ours, or find it there; a link in its place is not followed. Raises OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "is a link, which is not followed", str(folder))


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


def publish_json(path: Path, document: Any) -> bool:
    """Write a JSON file where there is none; return False if there is one, which stays. Of several processes on all
    hosts one alone writes it, whatever the others' file systems still show. Raises OSError.
    """
    staged = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}")
    write_json(staged, document)
    try:
        # A link is made whole or not at all, on every file system that nodes share and that has links.
        os.link(staged, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return create_exclusively(path, staged.read_bytes())
    finally:
        staged.unlink()
    return True


def create_exclusively(path: Path, content: bytes) -> bool:
    """Write a new file. If several processes try, only one makes it, and an existing file stays: then return False."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        settle(file)
    return True


def why_unwritable(folder: Path) -> str | None:
    """Why this process cannot write into a folder, or None. Nothing is tried."""
    if os.access(folder, os.W_OK):
        return None
    try:
        read_only = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError as error:
        return f"{folder} cannot be reached ({error.strerror})"
    return f"{folder} cannot be written ({'its file system is read-only' if read_only else 'its mode forbids it'})"


def open_plain(path: Path) -> int:
    """Open a plain file for reading; return its descriptor. Raises RecordError naming the file.

    A link, a pipe or a device in its place is refused before it can be followed or waited for.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingRecordError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in NO_FILE:
            raise RecordError(f"{path} {NOT_PLAIN}") from error
        raise RecordError(f"{path} cannot be read: {reason_of(error)}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RecordError(f"{path} {NOT_PLAIN}")
    return descriptor


def read_plain(path: Path, most: int | None = None) -> bytes:
    """The content of a plain file of at most ``most`` bytes (as a rule MOST_BYTES). Raises RecordError naming it."""
    most = MOST_BYTES if most is None else most
    descriptor = open_plain(path)
    try:
        # Without a file object, whose buffer of the greatest size costs more than reading a small file.
        content = os.read(descriptor, min(os.fstat(descriptor).st_size, most) + 1)
        parts = [content]
        while content and sum(map(len, parts)) <= most:
            content = os.read(descriptor, READ_BYTES)
            parts.append(content)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {reason_of(error)}") from error
    finally:
        os.close(descriptor)
    content = b"".join(parts)
    if len(content) > most:
        raise RecordError(f"{path} is longer than {most} bytes, which no record is")
    return content


def read_end(path: Path, most: int) -> bytes:
    """The last ``most`` bytes of a plain file, of any size; raises RecordError naming the file."""
    try:
        with os.fdopen(open_plain(path), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read(most)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """An error in words, without the file's name, which is told already."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def read_json(path: Path, undecodable: str = "strict") -> dict[str, Any]:
    """The object in a JSON file; raises RecordError naming the file.

    ``undecodable`` is what to do with bytes that are no UTF-8, in codecs' words.
    """
    try:
        content = read_plain(path).decode("utf-8", undecodable)
    except UnicodeDecodeError as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    return parse_json(content, str(path))


def parse_json(text: str, where: str) -> dict[str, Any]:
    """The object that a text is; raises RecordError naming ``where`` it is from."""
    try:
        document = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits or lists nested as deep are errors of these kinds too.
        raise RecordError(f"{where} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise RecordError(f"{where} holds {type(document).__name__}, not an object")
    if "\\ud" in text or "\\uD" in text:
        refuse_half_characters(document, where)
    return document


def read_sharing(path: Path, blocks: Sequence[tuple[str, ...]], shared: dict[str, Any]) -> dict[str, Any]:
    """The object in a JSON file, of which some objects are the same in many files, as the configuration is in all
    manifests of a campaign: ``shared`` keeps each by its text, so that it is parsed once and is one object.

    ``blocks`` are the places of those objects. Where a file is not laid out as ``write_json`` does, they are read with
    the rest. Raises RecordError naming the file.
    """
    text = read_plain(path).decode("utf-8", "surrogateescape")
    found: list[tuple[tuple[str, ...], str]] = []
    for place in blocks:
        indent = " " * len(place)
        head = f'\n{indent}"{place[-1]}": {{\n'
        begin = text.find(head)
        end = text.find(f"\n{indent}}}", begin)
        if begin < 0 or end < 0:
            continue
        begin += len(head) - 2
        end += len(indent) + 2
        found.append((place, text[begin:end]))
        text = f"{text[:begin]}null{text[end:]}"
    if not text.isascii():
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    document = parse_json(text, str(path))
    for place, block in found:
        if block not in shared:
            shared[block] = parse_json(block, str(path))
        node = document
        for key in place[:-1]:
            node = node.get(key)  # type: ignore[assignment]
            if not isinstance(node, dict):
                raise RecordError(f"{path} cannot be read: {key} is not an object")
        node[place[-1]] = shared[block]
    return document


def refuse_half_characters(document: Any, where: str) -> None:
    """Raise RecordError for a text that holds half of a character, which JSON can write and UTF-8 cannot."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise RecordError(f"{where} cannot be read: it holds half of a character") from error


def refuse_constant(name: str) -> float:
    """NaN and Infinity, which Python would read, are no JSON."""
    raise ValueError(f"{name} is not JSON")


def read_finite(text: str) -> float:
    """A number; one that is too great for a float would become infinite."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too great a number")
    return value


DECODER = json.JSONDecoder(parse_constant=refuse_constant, parse_float=read_finite)


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
