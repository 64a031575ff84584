"""Downloads a published data set: lists its objects, checks the free space, then fetches ranges in parallel.

A large object is fetched in segments, each written into its place in KEY.partial. KEY.state beside it holds the
object's ETag and the progress of each segment, written after the data. A process may therefore be killed at any moment,
and the next one continues, on condition (If-Match) that the object on the server is still the same.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict

from orchestrator.records import one_at_a_time
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.inventory import Inventory, Record, file_digests, utc_time
from workloads.runtime.publication.published import Published
from workloads.runtime.publication.s3 import Bucket, ObjectError, RemoteObject, ServerError
from workloads.runtime.samples.space import FULL, free_bytes, gigabytes, require_space

SEGMENT_BYTES = 64 << 20
RETRIES = 4
"""How often a range is requested again without receiving a byte."""
REPORT_SECONDS = 0.2
SLOT = 21
"""Bytes of a segment's line in the state file."""
MD5 = re.compile(r"[0-9a-f]{32}")
NAMED_AT_MOST = 10

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


def number_in(slot: bytes) -> int:
    """Return the number in a segment's line; 0 where none was written: segments are fetched side by side, and a later
    one's line leaves zero bytes before it.
    """
    text = slot.strip(b"\0 \n")
    return int(text) if text.isdigit() else 0


class Partial:
    """An object that is being downloaded: its file, and the number of bytes received of each segment."""

    def __init__(self, folder: Path, item: RemoteObject) -> None:
        self.item = item
        self.final = folder / item.key
        self.data = self.final.with_name(f"{self.final.name}.partial")
        self.state = self.final.with_name(f"{self.final.name}.state")
        self.header = json.dumps({"etag": item.etag, "bytes": item.bytes, "segment": SEGMENT_BYTES}).encode() + b"\n"
        self.starts = list(range(0, item.bytes, SEGMENT_BYTES)) or [0]
        self.done = [0] * len(self.starts)
        self.left = len(self.starts)
        self.changed = False
        """Whether what there is of it belongs to another object."""
        self.refused = False
        self._resume()

    def _resume(self) -> None:
        if not (self.state.is_file() and self.data.is_file()):
            return
        header, _, slots = self.state.read_bytes().partition(b"\n")
        if header + b"\n" != self.header:
            # One that is cut off is nobody's: the object is fetched anew.
            with suppress(ValueError):
                self.changed = json.loads(header).get("etag") != self.item.etag
            return
        numbers = [number_in(slots[i : i + SLOT]) for i in range(0, len(slots) - SLOT + 1, SLOT)]
        size = self.data.stat().st_size
        for index, (start, number) in enumerate(zip(self.starts, numbers, strict=False)):
            self.done[index] = number if start + number <= size else 0

    def open(self) -> None:
        """Make the files, unless an earlier process made them."""
        self.final.parent.mkdir(parents=True, exist_ok=True)
        if not any(self.done):
            self.data.write_bytes(b"")
            self.state.write_bytes(self.header)

    def length(self, index: int) -> int:
        """Return the bytes of a segment."""
        return min(SEGMENT_BYTES, self.item.bytes - self.starts[index])

    def fetch(self, bucket: Bucket, index: int, arrived: Callable[[int], None]) -> None:
        """Fetch the missing bytes of a segment. A broken connection is tried again."""
        failures = 0
        data = os.open(self.data, os.O_WRONLY)
        state = os.open(self.state, os.O_WRONLY)
        try:
            while self.done[index] < self.length(index):
                before = self.done[index]
                try:
                    start = self.starts[index]
                    for block in bucket.read(self.item, start + before, start + self.length(index)):
                        view = memoryview(block)
                        while view:
                            view = view[os.pwrite(data, view, start + self.done[index] + len(block) - len(view)) :]
                        self.done[index] += len(block)
                        slot = f"{self.done[index]:>{SLOT - 1}}\n".encode()
                        os.pwrite(state, slot, len(self.header) + SLOT * index)
                        arrived(len(block))
                except ObjectError:
                    raise
                except ServerError:
                    failures = 0 if self.done[index] > before else failures + 1
                    if failures >= RETRIES:
                        raise
                    time.sleep(0.5 * 2**failures)
        finally:
            os.close(data)
            os.close(state)

    def finish(self, endpoint: str) -> Record:
        """Check the whole object, then give it its name; return its record. Raises ObjectError if it differs from the
        listing.
        """
        # The ETag of an object that was uploaded in one piece is its MD5; of others it is nobody's business.
        simple = MD5.fullmatch(self.item.etag) is not None
        found = file_digests(self.data, ("sha256", "md5") if simple else ("sha256",))
        size = self.data.stat().st_size
        if size != self.item.bytes or (simple and found["md5"] != self.item.etag):
            self.data.unlink()
            self.state.unlink(missing_ok=True)
            raise ObjectError(
                f"{self.item.key} arrived damaged from {endpoint} ({size} bytes, MD5 {found.get('md5', 'unknown')}; "
                f"expected {self.item.bytes}, {self.item.etag}) and was removed"
            )
        self.data.rename(self.final)
        self.state.unlink(missing_ok=True)
        return Record(self.item.key, self.item.bytes, found["sha256"], self.item.etag, endpoint, utc_time())


class Download(TypedDict):
    """What a download brought: ``fetched_bytes`` of the ``bytes`` came now, the others were here."""

    endpoint: str
    objects: int
    bytes: int
    fetched_bytes: int
    seconds: float


def download_objects(
    published: Published, folder: Path, endpoints: Sequence[str], connections: int, progress: Progress, say: Say
) -> Download:
    """Download all objects of a data set into ``folder``, from the first of the servers that has them.

    ``progress`` receives bytes, ``say`` messages for people. Returns endpoint, objects, bytes, fetched_bytes and
    seconds. Raises DatasetError; the bytes received until then stay and are not fetched again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    troubles = []
    with lock_folder(folder):
        for endpoint in endpoints:
            try:
                return _download_from(Bucket(endpoint, published, connections), folder, connections, progress, say)
            except ServerError as error:
                troubles.append(str(error))
                if len(troubles) < len(endpoints):
                    say(f"{error}\ntrying {endpoints[len(troubles)]}")
    raise DatasetError(
        f"s3://{published.prefix} could not be downloaded:\n  " + "\n  ".join(troubles) + "\n"
        "What has arrived is kept, and the same command goes on from there. Check the network and proxies "
        "(HTTPS_PROXY), or name another server with benchmark.download.endpoints=[URL]."
    )


def _download_from(bucket: Bucket, folder: Path, connections: int, progress: Progress, say: Say) -> Download:
    started = time.monotonic()
    items = bucket.objects()
    total = sum(item.bytes for item in items)
    inventory = Inventory(folder)
    missing = [
        item for item in items if not is_downloaded(folder, item, inventory.records.get(item.key), bucket.endpoint)
    ]
    partials = [Partial(folder, item) for item in missing]
    already = total - sum(item.bytes - sum(partial.done) for item, partial in zip(missing, partials, strict=True))
    say(
        f"{bucket.address}: {len(items)} objects, {gigabytes(total)}; {gigabytes(already)} here already; "
        f"free at {folder}: {gigabytes(free_bytes(folder))}"
    )
    for partial in partials:
        if partial.changed:
            say(f"{partial.item.key} has another ETag at {bucket.endpoint} than where it was begun: it begins anew")
    require_space(folder, total - already, f"the download of {bucket.published.prefix}")
    inventory.begin(bucket.published.prefix, bucket.endpoint, len(items), total)
    fetched = Fetching(bucket, folder, inventory, already, total).run(partials, connections, progress)
    return {
        "endpoint": bucket.endpoint,
        "objects": len(items),
        "bytes": total,
        "fetched_bytes": fetched,
        "seconds": round(time.monotonic() - started, 3),
    }


def is_downloaded(folder: Path, item: RemoteObject, record: Record | None, endpoint: str) -> bool:
    """Whether an object was downloaded before. Raises DatasetError if the server has another version now."""
    path = folder / item.key
    if record is None or not path.is_file() or path.stat().st_size != record.bytes:
        return False
    # Servers may have cut the same object into other pieces for its upload; only like ETags can be compared.
    comparable = record.endpoint == endpoint or (MD5.fullmatch(record.etag) and MD5.fullmatch(item.etag))
    if record.bytes != item.bytes or (comparable and record.etag != item.etag):
        raise DatasetError(
            f"{item.key} was changed on {endpoint} since it was downloaded on {record.time} (ETag {record.etag}, now "
            f"{item.etag}): {path} is another version of the data. To take the new one, remove that file first"
        )
    return True


class Fetching:
    """A running download, whose threads take segments in turn.

    A refused object is noted while the others continue; any other error ends the download.
    """

    def __init__(self, bucket: Bucket, folder: Path, inventory: Inventory, already: int, total: int) -> None:
        self.bucket, self.folder, self.inventory = bucket, folder, inventory
        self.already, self.total, self.fetched = already, total, 0
        self.lock = threading.Lock()
        self.trouble: BaseException | None = None
        self.refused: list[str] = []
        self.stopped = threading.Event()

    def run(self, partials: Sequence[Partial], connections: int, progress: Progress) -> int:
        """Fetch all segments; return the bytes received. Progress is reported from the calling thread alone."""
        work = ((partial, index) for partial in partials for index in range(len(partial.starts)))
        with ThreadPoolExecutor(connections, thread_name_prefix="download") as pool:
            threads = [pool.submit(self._work, work) for _ in range(connections)]
            try:
                progress(self.already, self.total)
                while not all(thread.done() for thread in threads):
                    wait(threads, REPORT_SECONDS)
                    progress(self.already + self.fetched, self.total)
            finally:
                self.stopped.set()
        if self.trouble is not None:
            raise self._explained(self.trouble)
        if self.refused:
            more = [f"and {len(self.refused) - NAMED_AT_MOST} more"] if len(self.refused) > NAMED_AT_MOST else []
            named = "\n    ".join(self.refused[:NAMED_AT_MOST] + more)
            raise ServerError(f"{len(self.refused)} of {len(partials)} objects did not come:\n    {named}")
        progress(self.total, self.total)
        return self.fetched

    def _explained(self, trouble: BaseException) -> BaseException:
        if isinstance(trouble, OSError) and trouble.errno in FULL:
            return DatasetError(
                f"no space left at {self.folder}: {gigabytes(self.already + self.fetched)} of {gigabytes(self.total)} "
                "are here; make room and start the download again, it goes on where it was"
            )
        return trouble

    def _arrived(self, count: int) -> None:
        with self.lock:
            self.fetched += count
        if self.stopped.is_set():
            raise InterruptedError

    def _work(self, work: Iterator[tuple[Partial, int]]) -> None:
        while not self.stopped.is_set():
            try:
                with self.lock:
                    partial, index = next(work, (None, 0))
                    if partial is None:
                        return
                    if index == 0:
                        partial.open()
                if not partial.refused:
                    self._fetch(partial, index)
            except BaseException as error:
                with self.lock:
                    if self.trouble is None and not isinstance(error, InterruptedError):
                        self.trouble = error
                self.stopped.set()

    def _fetch(self, partial: Partial, index: int) -> None:
        try:
            partial.fetch(self.bucket, index, self._arrived)
            with self.lock:
                partial.left -= 1
                whole = partial.left == 0
            if whole:
                record = partial.finish(self.bucket.endpoint)
                with self.lock:
                    self.inventory.add(record)
        except ObjectError as error:
            with self.lock:
                if not partial.refused:
                    self.refused.append(str(error))
                partial.refused = True


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep other processes from downloading into the folder, within the context. The lock ends with its process."""

    def refuse(who: str) -> None:
        raise DatasetError(f"another process downloads into {folder} ({who}); wait until it is done")

    with one_at_a_time(folder / ".download.lock", refuse):
        yield
