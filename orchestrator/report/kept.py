"""Finished reports, kept in a folder beside a SQLite store, so that who asks again waits for no computation.

A document is made of nothing but the store, this program and the question. It is kept under all three and is given back
only where nothing of them has changed since: the store by what identifies its file, by its times and size, and by its
header, in which SQLite counts the transactions (https://sqlite.org/fileformat.html, "file change counter"); the program
by what identifies its files, by their times and sizes, as they were when the process began. Whatever else is found is
no document, and nothing here ever fails: what cannot be kept is computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from orchestrator import LOADED_NS
from orchestrator.records.checking import RecordError
from orchestrator.records.files import canonical_json, make_own, parse_json, read_plain, write_text

if TYPE_CHECKING:
    from orchestrator.report.entries.document import ReportDocument

FOLDER = ".reports"
"""Of a store's folder."""
MOST_BYTES = 32 * 2**20
"""Size of the documents of one question that are kept; 2,000 runs have 14 MB."""
MOST_QUESTIONS = 32
MOST_BYTES_OF_ALL = 4 * MOST_BYTES

HEADER_BYTES = 100
MAGIC = b"SQLite format 3\0"
ROLLBACK = b"\x01\x01"
"""Bytes 18 and 19 of a file whose journal is the one by which the file's own header tells of every transaction."""

PACKAGE = Path(__file__).resolve().parents[1]
SETTLED_NS = 120 * 10**9
"""How long before a process began to load the program its files must have been as they are, for what the process makes
to be by what they hold: another clock may have written them, and NFS tells of a change up to 60 s later.
"""
SECOND_NS = 10**9
RECENT_NS = 2 * SECOND_NS
"""How long a store may be written again at the same time, where a file system's times are whole seconds."""

Question = Mapping[str, object]
"""What was asked, as JSON takes it."""


@dataclass(frozen=True)
class Kept:
    """The documents that are kept beside a store's file.

    ``program`` is the state of the program when this process began (see program_state), None if it is not known.
    """

    store: Path
    program: str | None

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self.store.parent / FOLDER

    def place(self, question: Question) -> Path:
        """Return the file of a question's documents, of which newer ones take the place."""
        # A folder's name need not be UTF-8.
        asked = canonical_json([str(self.store), question]).encode(errors="surrogatepass")
        return self.folder / f"{hashlib.sha256(asked).hexdigest()[:32]}.json"

    def state(self) -> str | None:
        """Return what the documents of the store as it is now are kept under; None where they cannot be kept."""
        try:
            return store_state(self.store)
        except OSError:
            return None

    def find(self, question: Question) -> list[ReportDocument] | None:
        """Return the documents that answer the question today; None where they are to be computed."""
        try:
            place = self.place(question)
            if not is_own(self.folder) or not is_own(place):
                return None
            head, _, body = read_plain(place, MOST_BYTES).partition(b"\n")
            state = self.state()
            if not state or not self.program or head != head_of(state, self.program, question, body):
                return None
            documents = parse_json(body.decode(), str(place)).get("documents")
        except (OSError, RecordError, ValueError):
            return None
        return cast("list[ReportDocument]", documents)

    def keep(self, question: Question, state: str | None, documents: Sequence[ReportDocument]) -> None:
        """Keep the documents that were made of the store when it was in that state, if it still is."""
        try:
            program, changed = scan_program()
            if not state or program != self.program or changed > LOADED_NS - SETTLED_NS:
                return
            if self.folder.parent.stat().st_uid != os.geteuid():
                return
            text = json.dumps({"documents": documents}, ensure_ascii=False, allow_nan=False)
            body = text.encode()
            # What JSON would give back otherwise than it is (a tuple, a key that is a number) is not kept.
            if len(body) > MOST_BYTES or json.loads(text) != {"documents": documents}:
                return
            if self.state() != state:
                return
            make_own(self.folder)
            if is_own(self.folder):
                place = self.place(question)
                write_text(place, head_of(state, program, question, body).decode() + "\n" + text, settled=False)
                self.remove_oldest()
        except (OSError, ValueError, TypeError):
            return

    def remove_oldest(self) -> None:
        """Remove the oldest documents, until few enough are left. Raises OSError."""
        with os.scandir(self.folder) as entries:
            found = [(entry.stat(follow_symlinks=False), Path(entry.path)) for entry in entries]
        size = 0
        for number, (about, path) in enumerate(sorted(found, key=lambda one: one[0].st_mtime_ns, reverse=True)):
            size += about.st_size
            if number >= MOST_QUESTIONS or size > MOST_BYTES_OF_ALL:
                with suppress(OSError):
                    path.unlink()


def head_of(state: str, program: str, question: Question, body: bytes) -> bytes:
    """Return the first line of a file of documents: all that they are of, and their own hash."""
    found = {"store": state, "program": program, "question": question, "sha256": hashlib.sha256(body).hexdigest()}
    return canonical_json(found).encode()


def is_own(path: Path) -> bool:
    """Whether a file or folder is this user's, and no link. Raises OSError."""
    about = path.lstat()
    return about.st_uid == os.geteuid() and not stat.S_ISLNK(about.st_mode)


def store_state(file: Path) -> str | None:
    """Return what changes whenever a SQLite file is written or replaced; None of one that is being written or whose
    header does not tell, or that may be written again without another time. Raises OSError.

    It opens and closes the file, which ends all locks of this process on it: it may not be within a transaction.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        header = os.read(descriptor, HEADER_BYTES)
        about = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC) or header[18:20] != ROLLBACK:
        return None
    if about.st_mtime_ns % SECOND_NS == 0 and time.time_ns() - about.st_mtime_ns < RECENT_NS:
        # NFS would show its pages as they were before.
        return None
    if any(os.path.lexists(f"{file}{ending}") for ending in ("-journal", "-wal")):
        return None
    parts = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns, header.hex())
    return " ".join(map(str, parts))


def program_state() -> str | None:
    """Return what the documents that this process makes are kept under, if it begins now; None if it is not known."""
    try:
        return scan_program()[0]
    except OSError:
        return None


def scan_program() -> tuple[str, int]:
    """Return what changes whenever a file of this program or a package of its Python does, and when one did last, ns
    since the epoch. Raises OSError.
    """
    found: list[Any] = [sys.version]
    newest = 0
    folders = [str(PACKAGE)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders += [entry.path] if entry.name != "__pycache__" else []
                    continue
                about = entry.stat()
                found.append((entry.path, about.st_ino, about.st_mtime_ns, about.st_ctime_ns, about.st_size))
                newest = max(newest, about.st_ctime_ns)
    for folder in sys.path:
        if folder.endswith("-packages") and Path(folder).is_dir():
            about = Path(folder).stat()
            found.append((folder, about.st_ino, about.st_mtime_ns, about.st_ctime_ns))
            newest = max(newest, about.st_ctime_ns)
    found[1:] = sorted(found[1:])
    return hashlib.sha256(repr(found).encode()).hexdigest(), newest
