"""The list of downloaded objects, beside the data: a line of JSON for each, added when the object is whole.

A line holds key, bytes, sha256, ETag, server and time. It is added in one write, so a killed process leaves at worst an
incomplete last line, which is ignored.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypedDict, cast

from workloads.runtime.errors import DatasetError

SCHEMA = "orchestrator.download/1"
FILE_NAME = "download.jsonl"
READ_BYTES = 1 << 22
NAMED_AT_MOST = 10


@dataclass(frozen=True)
class Record:
    """One object that is downloaded completely."""

    key: str
    bytes: int
    sha256: str
    etag: str
    endpoint: str
    time: str


class Listing(TypedDict):
    """What a server has of a data set: how many ``objects`` under ``prefix``, and their ``bytes``."""

    schema: str
    prefix: str
    endpoint: str
    objects: int
    bytes: int


class Inventory:
    """The list of one folder of published data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self.records: dict[str, Record] = {}
        self.listed: Listing | None = None
        """What the server listed at the newest download."""
        if self.path.is_file():
            self._read()

    def _read(self) -> None:
        for line in self.path.read_text(encoding="utf-8").split("\n"):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if not isinstance(entry, dict):
                continue
            if entry.get("schema") == SCHEMA:
                self.listed = cast(Listing, entry)
            elif set(entry) == set(Record.__dataclass_fields__):
                self.records[entry["key"]] = Record(**entry)

    @property
    def complete(self) -> bool:
        """Whether all listed objects have been downloaded."""
        return self.listed is not None and len(self.records) >= int(self.listed["objects"])

    def begin(self, prefix: str, endpoint: str, objects: int, size: int) -> None:
        """Note the server's listing."""
        self.listed = {"schema": SCHEMA, "prefix": prefix, "endpoint": endpoint, "objects": objects, "bytes": size}
        self._append({**self.listed})

    def add(self, record: Record) -> None:
        """Note an object that is complete."""
        self.records[record.key] = record
        self._append(asdict(record))

    def _append(self, entry: Mapping[str, object]) -> None:
        # The leading newline ends a line that an earlier process did not live to end.
        line = f"\n{json.dumps(entry, ensure_ascii=False)}\n".encode()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def check(self, workers: int, progress: Callable[[int, int], None]) -> dict[str, int]:
        """Compare every file with its size and SHA-256; return how many objects and bytes are intact.

        ``progress`` receives bytes. Raises DatasetError that names missing and changed objects.
        """
        if not self.complete:
            wanted = self.listed["objects"] if self.listed else "all"
            raise DatasetError(
                f"{self.folder}: {len(self.records)} of {wanted} objects were downloaded; "
                "start the download again, it goes on where it was"
            )
        total, done, bad = sum(record.bytes for record in self.records.values()), 0, []
        with ThreadPoolExecutor(workers) as pool:
            try:
                for record, trouble in zip(
                    self.records.values(), pool.map(self._trouble, self.records.values()), strict=True
                ):
                    bad += [trouble] if trouble else []
                    done += record.bytes
                    progress(done, total)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        if bad:
            more = [f"and {len(bad) - NAMED_AT_MOST} more"] if len(bad) > NAMED_AT_MOST else []
            raise DatasetError(
                f"{len(bad)} of {len(self.records)} objects are not as they were downloaded:\n  "
                + "\n  ".join(bad[:NAMED_AT_MOST] + more)
                + "\nremove them and start the download again: it fetches what is missing"
            )
        return {"objects": len(self.records), "bytes": total}

    def _trouble(self, record: Record) -> str | None:
        path = self.folder / record.key
        try:
            size = path.stat().st_size
            if size != record.bytes:
                return f"{path} has {size} bytes, not {record.bytes}"
            found = file_digests(path)["sha256"]
        except FileNotFoundError:
            return f"{path} is missing"
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}"
        return None if found == record.sha256 else f"{path} has SHA-256 {found[:12]}…, not {record.sha256[:12]}…"


def file_digests(path: Path, names: tuple[str, ...] = ("sha256",)) -> dict[str, str]:
    """Return a file's digests, by the names of their algorithms."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in names}
    buffer = memoryview(bytearray(READ_BYTES))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            for item in hashes.values():
                item.update(buffer[:count])
    return {name: item.hexdigest() for name, item in hashes.items()}


def utc_time() -> str:
    """Return the present time in UTC, as the inventory writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
