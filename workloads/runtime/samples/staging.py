"""A copy of a data set on a node's own disk, made by whichever process of the node comes first and kept for later runs.

All who want it ask at once and take turns at a lock: the first one copies, the others wait and find it done. So it
needs no word between ranks, works for several runs on one node, and a process that is killed while it copies leaves the
lock to the next. A copy that an earlier run left is taken if its BLAKE3 still are those of the data set.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blake3 import blake3

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.building import building
from workloads.runtime.samples.consolidated import DESCRIPTION, check_contents, read_description, record_contents
from workloads.runtime.samples.parallel import mapped
from workloads.runtime.samples.space import FULL, gigabytes, require_space

BLOCK_BYTES = 1 << 22
LOOK_SECONDS = 0.1
"""How often one who waits looks whether it is his turn."""
TOUCH_SECONDS = 1.0
"""How often the one who copies shows that he is alive."""

Progress = Callable[[int, int], None]


def scratch_folder(setting: str) -> Path:
    """The folder that ``cluster.paths.scratch`` means on this node. Raises DatasetError."""
    path = os.path.expandvars(setting)
    if unset := re.search(r"\$\{?(\w+)", path):
        raise DatasetError(f"cluster.paths.scratch={setting}: {unset[1]} is not set on this node")
    try:
        path = str(Path(path).expanduser())
    except RuntimeError as error:
        raise DatasetError(f"cluster.paths.scratch={setting}: {error} on this node") from error
    if not Path(path).is_absolute():
        raise DatasetError(f"cluster.paths.scratch={setting}: expected an absolute path, on each node's own disk")
    return Path(path)


def stage(
    source: Path, scratch: Path, name: str, progress: Progress, use: str = "", workers: int | None = None
) -> dict[str, Any]:
    """The data set ``source`` is at ``scratch``/``name``, whole; copied there by this process or another one.

    ``progress`` is told bytes, also while another process copies. Within one ``use`` (a run's attempt) the checksums of
    a copy are compared once. Returns its folder, copied_bytes and checked_bytes (by this process) and seconds. Raises
    DatasetError.
    """
    begun = time.monotonic()
    target = scratch / name
    copied = checked = 0
    threads = workers or len(os.sched_getaffinity(0))
    size = sum(file["bytes"] for file in read_description(source)["files"])
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with turn(target.with_name(f".{target.name}.lock"), lambda: progress(0, size)) as lock:
            report = touching(lock, progress)
            same_use = bool(use) and lock.read_text(encoding="utf-8") == use
            checked = _check(source, target, same_use, threads, report)
            if checked < 0:
                copied, checked = _copy(source, target, threads, report), 0
            lock.write_text(use, encoding="utf-8")
    except OSError as error:
        if error.errno in FULL:
            raise DatasetError(
                f"no space left at {scratch} for {gigabytes(size)} of {name}: make room there, or unset "
                "cluster.paths.scratch to read from where the data are kept"
            ) from error
        raise DatasetError(f"{name} could not be staged to cluster.paths.scratch={scratch}: {error}") from error
    seconds = round(time.monotonic() - begun, 3)
    return {"folder": str(target), "copied_bytes": copied, "checked_bytes": checked, "seconds": seconds}


@contextmanager
def turn(path: Path, waiting: Callable[[], None]) -> Iterator[Path]:
    """One's turn at a lock file. ``waiting`` is called while another one has it and shows that it is at work."""
    with path.open("a", encoding="utf-8") as file:
        seen = 0
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise
            if (touched := path.stat().st_mtime_ns) != seen:
                seen = touched
                waiting()
            time.sleep(LOOK_SECONDS)
        yield path


def touching(lock: Path, progress: Progress) -> Progress:
    """Progress that also shows those who wait at the lock that work goes on."""
    touched = 0.0

    def report(done: int, total: int) -> None:
        nonlocal touched
        if time.monotonic() > touched + TOUCH_SECONDS:
            touched = time.monotonic()
            os.utime(lock)
        progress(done, total)

    return report


def _check(source: Path, target: Path, same_use: bool, workers: int, progress: Progress) -> int:
    """How many bytes of the copy were read to find it right; -1 if there is none that is."""
    if not (target / DESCRIPTION).is_file():
        return -1
    try:
        if read_description(target)["checksum"] != read_description(source)["checksum"]:
            return -1
        return check_contents(target, same_use, workers, progress)
    except (DatasetError, OSError):
        return -1


def _copy(source: Path, target: Path, workers: int, progress: Progress) -> int:
    """Copy, comparing checksums on the way; returns bytes."""
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

    with building(target) as partial:
        digests = mapped(lambda file: copied(source / file["name"], partial / file["name"], arrived), files, workers)
        for file, digest in zip(files, digests, strict=True):
            if digest != file["blake3"]:
                raise DatasetError(
                    f"{source / file['name']} has another BLAKE3 than {file['blake3']}; make or copy it again"
                )
        record_contents(partial, files)
        shutil.copyfile(source / DESCRIPTION, partial / DESCRIPTION)
        partial.rename(target)
    return total


def copied(source: Path, target: Path, arrived: Callable[[int], None]) -> str:
    """Copy a file; the BLAKE3 of what was copied."""
    digest, buffer = blake3(), memoryview(bytearray(BLOCK_BYTES))
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        while count := reading.readinto(buffer):
            digest.update(buffer[:count])
            view = buffer[:count]
            while view:
                view = view[writing.write(view) :]
            arrived(count)
    return digest.hexdigest()
