"""A copy of a data set on a node's own disk, made by one process of the node and kept for later runs.

All processes of a node ask at the same time and take turns at a lock. The first one copies; the others find the copy.
No message between ranks is needed, several runs on one node may share the copy, and a process killed while copying
leaves the lock to the next. A copy of an earlier run is used if its BLAKE3 are still those of the data set.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from blake3 import blake3

from orchestrator.records import RecordError, one_at_a_time, read_plain, write_text
from orchestrator.records.topology import read_topology
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.building import build_folder
from workloads.runtime.samples.consolidated import DESCRIPTION, check_contents, read_description, record_contents
from workloads.runtime.samples.parallel import map_in_threads
from workloads.runtime.samples.space import FULL, gigabytes, require_space

BLOCK_BYTES = 1 << 22
LOOK_SECONDS = 0.1
"""How often a waiting process tries the lock."""
TOUCH_SECONDS = 1.0
"""How often the copying process shows that it is alive."""

Progress = Callable[[int, int], None]


def scratch_folder(setting: str) -> Path:
    """Return the folder that ``cluster.paths.scratch`` means on this node. Raises DatasetError."""
    path = expand_here("cluster.paths.scratch", setting)
    if not path.is_absolute():
        raise DatasetError(f"cluster.paths.scratch={setting}: expected an absolute path, on each node's own disk")
    return path


def expand_here(key: str, setting: str) -> Path:
    """Return the path that a setting means on this node, by its home folders and variables. Raises DatasetError."""
    path = os.path.expandvars(setting)
    if unset := re.search(r"\$\{?(\w+)", path):
        raise DatasetError(f"{key}={setting}: {unset[1]} is not set on this node")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DatasetError(f"{key}={setting}: {error} on this node") from error


class StagedCopy(TypedDict):
    """A node's copy: its folder, and what this process copied and checked of it, in how many seconds."""

    folder: str
    copied_bytes: int
    checked_bytes: int
    seconds: float


def stage_dataset(
    source: Path, scratch: Path, name: str, progress: Progress, use: str = "", workers: int | None = None
) -> StagedCopy:
    """Make sure that ``scratch``/``name`` holds a complete copy of the data set ``source``.

    ``progress`` receives bytes, also while another process copies. Within one ``use`` (a run's attempt) the checksums
    of a copy are compared once. Returns its folder, copied_bytes and checked_bytes (by this process) and seconds.
    Raises DatasetError.
    """
    begun = time.monotonic()
    target = scratch / name
    copied = checked = 0
    threads = workers or read_topology().usable_threads
    size = sum(file["bytes"] for file in read_description(source)["files"])
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock, checked_for = (target.with_name(f".{target.name}.{kind}") for kind in ("lock", "checked"))
        with one_at_a_time(lock, while_it_works(lock, lambda: progress(0, size)), LOOK_SECONDS):
            report = touch_while_reporting(lock, progress)
            same_use = bool(use) and text_of(checked_for) == use
            checked = _check_copy(source, target, same_use, threads, report)
            if checked < 0:
                copied, checked = _copy_dataset(source, target, threads, report), 0
            write_text(checked_for, use)
    except OSError as error:
        if error.errno in FULL:
            raise DatasetError(
                f"no space left at {scratch} for {gigabytes(size)} of {name}: make room there, or unset "
                "cluster.paths.scratch to read from where the data are kept"
            ) from error
        raise DatasetError(f"{name} could not be staged to cluster.paths.scratch={scratch}: {error}") from error
    seconds = round(time.monotonic() - begun, 3)
    return {"folder": str(target), "copied_bytes": copied, "checked_bytes": checked, "seconds": seconds}


def text_of(path: Path) -> str:
    """The text in a file, "" if there is none."""
    try:
        return read_plain(path).decode("utf-8", "replace")
    except RecordError:
        return ""


def while_it_works(lock: Path, report: Callable[[], None]) -> Callable[[str], None]:
    """Return what is called while another process has the lock: it reports each time that process has touched the file,
    which shows that it works.
    """
    seen = 0

    def waiting(who: str) -> None:
        nonlocal seen
        if (touched := lock.stat().st_mtime_ns) != seen:
            seen = touched
            report()

    return waiting


def touch_while_reporting(lock: Path, progress: Progress) -> Progress:
    """Return a progress function that also touches the lock file, to show waiting processes that work continues."""
    touched = 0.0

    def report(done: int, total: int) -> None:
        nonlocal touched
        if time.monotonic() > touched + TOUCH_SECONDS:
            touched = time.monotonic()
            os.utime(lock)
        progress(done, total)

    return report


def _check_copy(source: Path, target: Path, same_use: bool, workers: int, progress: Progress) -> int:
    """Return how many bytes of the copy were read to find it correct; -1 if there is no correct copy."""
    if not (target / DESCRIPTION).is_file():
        return -1
    try:
        if read_description(target)["checksum"] != read_description(source)["checksum"]:
            return -1
        return check_contents(target, same_use, workers, progress)
    except (DatasetError, OSError):
        return -1


def _copy_dataset(source: Path, target: Path, workers: int, progress: Progress) -> int:
    """Copy the data set and compare checksums on the way; return the bytes."""
    files = read_description(source)["files"]
    total = sum(int(file["bytes"]) for file in files)
    done, lock = 0, threading.Lock()
    shutil.rmtree(target, ignore_errors=True)
    require_space(target, total, f"{target}")

    def arrived(count: int) -> None:
        nonlocal done
        with lock:
            done += count
            progress(done, total)

    with build_folder(target) as partial:
        digests = map_in_threads(
            lambda file: copy_file(source / file["name"], partial / file["name"], arrived), files, workers
        )
        for file, digest in zip(files, digests, strict=True):
            if digest != file["blake3"]:
                raise DatasetError(
                    f"{source / file['name']} has another BLAKE3 than {file['blake3']}; make or copy it again"
                )
        record_contents(partial, files)
        shutil.copyfile(source / DESCRIPTION, partial / DESCRIPTION)
        partial.rename(target)
    return total


def copy_file(source: Path, target: Path, arrived: Callable[[int], None]) -> str:
    """Copy a file; return the BLAKE3 of the copied bytes."""
    digest, buffer = blake3(), memoryview(bytearray(BLOCK_BYTES))
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        while count := reading.readinto(buffer):
            digest.update(buffer[:count])
            view = buffer[:count]
            while view:
                view = view[writing.write(view) :]
            arrived(count)
    return digest.hexdigest()
