"""Reads telemetry of any size by blocks of ranks, in memory that does not grow with the machine.

HDF5 looks up and copies every chunk separately, which takes longer than reading the bytes. If the chunks are plain
bytes (no filter, whole rows), as ranks write them, their offsets are queried once, and rows are read from there into
memory that every block uses again. Any other layout is read through HDF5.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import IO, Any, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt

from orchestrator.records import DATASETS, STEP_TIMES, RecordError, step_dataset, telemetry_trouble
from orchestrator.records.files import NOT_PLAIN, open_plain
from orchestrator.telemetry.steps import (
    BlockSums,
    StepDistribution,
    StepSums,
    add_up_blocks,
    join_blocks,
    step_distribution,
)

BLOCK_BYTES = 2**20
"""Size of one array of a block. Some of them fit a processor's cache, and calls are few."""
WORKERS = 2
SHARES = 2 * WORKERS
"""Parts of the ranks that are summed by themselves: enough that no thread waits long for the other."""
SAMPLED = ("data", "compute", "waiting")
SAMPLED_RANKS = 64
"""Most ranks whose single steps give the distribution of step times."""

MOST_STEPS = 2**26
"""Steps of an attempt that are read: half a year of three a second, some gigabytes while they are summed."""
LEAST_UNPACKED = 2**26
"""Bytes that any file may unpack to. A larger one unpacks to its own size at most: ranks write theirs unpacked."""
TEXT_LENGTH_BYTES = 4
"""Of the place of a text in a file, those that come first, little-endian, and hold its length."""

DAMAGE = (OSError, LookupError, ValueError, RuntimeError, TypeError, AttributeError, ArithmeticError, MemoryError)
"""What reading a damaged file raises: h5py and NumPy have all of these."""

Block: TypeAlias = "dict[str, npt.NDArray[Any]]"
"""(k, S) arrays of k ranks by the names of their datasets."""


@dataclass(frozen=True)
class Telemetry:
    """A telemetry file with its steps summed. ``small`` has all other datasets, by name."""

    small: dict[str, npt.NDArray[Any]]
    sums: StepSums
    distribution: StepDistribution | None
    first_step: int


class Rows:
    """An (R, S) dataset, read by blocks of ranks."""

    def __init__(self, file: h5py.File, name: str, descriptor: int) -> None:
        self.dataset = file[name]
        self.shape: tuple[int, int] = self.dataset.shape
        self.descriptor = descriptor
        self.offsets, self.rows = chunk_places(self.dataset) if file.userblock_size == 0 else (None, 0)
        self.least = self.dataset.chunks[0] if self.offsets is None and self.dataset.chunks else 1
        """Ranks that are best read together: HDF5 unpacks whole chunks."""

    def read(self, start: int, stop: int, out: npt.NDArray[Any]) -> None:
        """Read the rows of ranks ``start`` … ``stop`` − 1 into ``out``, contiguous and of that shape. Safe in several
        threads.
        """
        if self.offsets is None:
            if start < stop:
                self.dataset.read_direct(out, np.s_[start:stop])
            return
        first, row = start // self.rows, self.shape[1] * out.itemsize
        offsets = self.offsets[first : -(-stop // self.rows)]
        edges = (np.flatnonzero(np.diff(offsets) != self.rows * row) + 1).tolist()
        view = memoryview(out.view(np.uint8).reshape(-1))  # type: ignore[arg-type]
        for begin, end in zip([0, *edges], [*edges, len(offsets)], strict=True):
            chunk = (first + begin) * self.rows
            low, high = max(start, chunk), min(stop, (first + end) * self.rows)
            place = int(offsets[begin]) + (low - chunk) * row
            read_exactly(self.descriptor, view[(low - start) * row : (high - start) * row], place)


def read_exactly(descriptor: int, buffer: memoryview, offset: int) -> None:
    """Fill the buffer from ``offset`` of the file. Raises OSError if the file ends before."""
    while buffer.nbytes:
        count = os.preadv(descriptor, [buffer], offset)
        if count == 0:
            raise OSError("the file ends within a dataset")
        buffer, offset = buffer[count:], offset + count


def chunk_places(dataset: h5py.Dataset) -> tuple[npt.NDArray[np.int64] | None, int]:
    """Return the file offsets of the chunks in order of rank, and the ranks per chunk; (None, 0) if chunks are not
    plain.
    """
    chunks = dataset.chunks
    plain = (
        chunks is not None
        and chunks[1] == dataset.shape[1]
        and not (dataset.compression or dataset.shuffle or dataset.fletcher32 or dataset.scaleoffset)
        and dataset.dtype.isnative
        and hasattr(dataset.id, "chunk_iter")
    )
    if not plain:
        return None, 0
    count = -(-dataset.shape[0] // chunks[0])
    found: list[Any] = []
    dataset.id.chunk_iter(found.append)
    if len(found) != count:
        return None, 0
    offsets = np.fromiter(map(attrgetter("byte_offset"), found), np.int64, count)
    first = np.fromiter(map(itemgetter(0), map(attrgetter("chunk_offset"), found)), np.int64, count)
    return offsets[np.argsort(first, kind="stable")], int(chunks[0])


def read_telemetry(path: Path, ranks_expected: int | None = None) -> Telemetry:
    """Return the file with its steps summed. Raises OSError, or ValueError if its layout is not that of telemetry."""
    with open_telemetry(path) as (file, raw):
        refuse_foreign_layout(file, ranks_expected)
        refuse_blown_up(file, raw)
        first_step = int(attribute(file, "first_step") or 0)
        names = {**{part: step_dataset(part) for part in STEP_TIMES}, "samples": "step/samples"}
        steps = {part: Rows(file, name, raw.fileno()) for part, name in names.items()}
        ranks, count = steps["total"].shape
        epoch = file["step/epoch"][0] if ranks and count else np.zeros(0, np.int32)
        with ThreadPoolExecutor(WORKERS) as pool:
            shares = begin_sums(pool, steps, ranks, count, epoch)
            # Meanwhile: texts are made one by one.
            small = {**small_datasets(file), "step/epoch": epoch}
            done = [share.result() for share in shares]
        sums = add_up_blocks(epoch, (block for block, _ in done))
    refuse_other_than_numbers(small, sums)
    distribution = None
    if ranks and count:
        sample = {name: np.concatenate([part[name] for _, parts in done for part in parts]) for name in SAMPLED}
        distribution = step_distribution(sample["data"] + sample["compute"], sample["waiting"], epoch)
    return Telemetry(small, sums, distribution, first_step)


@contextmanager
def open_telemetry(path: Path) -> Iterator[tuple[h5py.File, IO[bytes]]]:
    """Open a plain file. Raises what DAMAGE lists."""
    if not os.path.lexists(path):
        raise OSError("it is not there")
    try:
        descriptor = open_plain(path)
    except RecordError as error:
        raise OSError("it is not a plain file" if NOT_PLAIN in str(error) else str(error)) from error
    with os.fdopen(descriptor, "rb", buffering=0) as raw, h5py.File(path, "r", locking=False) as file:
        yield file, raw


@contextmanager
def bounded_telemetry(path: Path) -> Iterator[h5py.File]:
    """Open a plain file that is read in memory of about its size. Raises what DAMAGE lists."""
    with open_telemetry(path) as (file, raw):
        refuse_blown_up(file, raw)
        yield file


def refuse_blown_up(file: h5py.File, raw: IO[bytes]) -> None:
    """Raise ValueError for datasets that are kept elsewhere, and where reading them would take more bytes than are in
    the file: packed zeros, chunks far beyond the data, values that were never written, one text named many times.
    """
    size = os.fstat(raw.fileno()).st_size
    unpacked, most = 0, max(LEAST_UNPACKED, size)

    def add(name: str, node: Any) -> None:
        nonlocal unpacked
        if isinstance(node, h5py.Dataset):
            plain_dataset(file, name)
            if node.dtype.hasobject and h5py.check_string_dtype(node.dtype) is None:
                raise ValueError(f"{name} holds neither numbers nor texts")
            unpacked += unpacked_bytes(node) + (text_bytes(node, raw, size) if node.dtype.hasobject else 0)
            if unpacked > most:
                raise ValueError(
                    f"{name} is longer than what ranks measure: the file unpacks to more than {most} bytes"
                )

    file.visititems(add)


def unpacked_bytes(dataset: h5py.Dataset) -> int:
    """Return the bytes of the values that are read with a dataset, whole chunks; of texts those of their places."""
    shape, chunks = dataset.shape or (), dataset.chunks or dataset.shape or ()
    lengths = [-(-length // chunk) * chunk if chunk else 0 for length, chunk in zip(shape, chunks, strict=True)]
    return math.prod(lengths) * int(dataset.dtype.itemsize)


def text_bytes(dataset: h5py.Dataset, raw: IO[bytes], size: int) -> int:
    """Return the bytes of a dataset's texts, which stand elsewhere in the file, of ``size`` bytes: many places may name
    the same one.
    """
    offset, count = dataset.id.get_offset(), dataset.size or 0
    if not count:
        return 0
    if offset is None:
        # In chunks, as ranks do not write them: each text may be as long as the file.
        return count * size
    places = os.pread(raw.fileno(), dataset.id.get_storage_size(), offset)
    width = len(places) // count
    if width < TEXT_LENGTH_BYTES or len(places) % count:
        raise ValueError("the file ends within a dataset")
    table = np.frombuffer(places, np.uint8).reshape(count, width)[:, :TEXT_LENGTH_BYTES]
    return int(np.ascontiguousarray(table).view("<u4").sum(dtype=np.int64))


def attribute(file: h5py.File, name: str) -> Any:
    """Return an attribute of the file, None if there is none. Raises ValueError for one of several values."""
    if name not in file.attrs:
        return None
    if file.attrs.get_id(name).shape != ():
        raise ValueError(f"its {name} is not one value")
    return file.attrs[name]


def plain_dataset(file: h5py.File, name: str) -> h5py.Dataset | None:
    """Return a dataset of the file's own, None if there is none. Raises ValueError for one that is kept elsewhere."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink | None):
        raise ValueError(f"{name} is a link to another place")
    node = file.get(name)
    if not isinstance(node, h5py.Dataset):
        return None
    if node.is_virtual or node.external:
        raise ValueError(f"{name} is kept in another file")
    return node


def read_group(path: Path, group: str) -> dict[str, npt.NDArray[np.float64]]:
    """What a mode measures beyond the steps, (R, …) by its name in the group. Raises what DAMAGE lists."""
    start = f"{group}/"
    with bounded_telemetry(path) as file:
        found = small_datasets(file)
    measures = {name.removeprefix(start): values for name, values in found.items() if name.startswith(start)}
    if not measures:
        raise ValueError(f"it has no datasets {start}…")
    return {name: np.asarray(values, np.float64) for name, values in measures.items()}


def refuse_foreign_layout(file: h5py.File, ranks_expected: int | None) -> None:
    """Raise ValueError, with the reason, unless the file has the datasets of telemetry."""
    found = {}
    for name in DATASETS:
        node = plain_dataset(file, name)
        if node is not None:
            found[name] = (node.shape, node.dtype.kind)
    trouble = telemetry_trouble(attribute(file, "schema"), found)
    if trouble:
        raise ValueError(trouble)
    ranks, steps = found[step_dataset("total")][0]
    if ranks_expected is not None and ranks != ranks_expected:
        raise ValueError(f"it is of {ranks} ranks, the run has {ranks_expected}")
    if steps > MOST_STEPS:
        raise ValueError(f"it is of {steps} steps, more than {MOST_STEPS}")


def refuse_other_than_numbers(small: Mapping[str, npt.NDArray[Any]], sums: StepSums) -> None:
    """Raise ValueError, with the name, for a time or a quality that is no number, or a step that ended before it began.

    Sums tell: one such value makes them so.
    """
    for part, seconds in sums.seconds.items():
        if not np.isfinite(seconds).all() or (part == "total" and (seconds < 0).any()):
            raise ValueError(f"{step_dataset(part)} holds what is no time")
    for name in ("evaluation/seconds", "evaluation/value"):
        if not np.isfinite(small[name]).all():
            raise ValueError(f"{name} holds what is no number")


def small_datasets(file: h5py.File) -> dict[str, npt.NDArray[Any]]:
    """Return all datasets but those with a value for each step of each rank, by full name; texts are UTF-8 bytes."""
    content: dict[str, npt.NDArray[Any]] = {}

    def take(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and not name.startswith("step/"):
            content[name] = node[()]

    file.visititems(take)
    return content


def begin_sums(
    pool: ThreadPoolExecutor, steps: Mapping[str, Rows], ranks: int, count: int, epoch: npt.NDArray[Any]
) -> list[Future[tuple[BlockSums, list[Block]]]]:
    """Have shares of the ranks summed over their ``count`` steps, in order: each with the steps of some evenly chosen
    ranks.
    """
    chosen = np.unique(np.linspace(0, ranks - 1, min(ranks, SAMPLED_RANKS)).astype(int)) if ranks else np.zeros(0, int)
    least = max(rows.least for rows in steps.values())
    length = -(-max(1, BLOCK_BYTES // max(1, 4 * count)) // least) * least

    def work(starts: Sequence[int]) -> tuple[BlockSums, list[Block]]:
        memory = {name: np.empty((min(length, ranks), count), rows.dataset.dtype) for name, rows in steps.items()}
        own = np.empty_like(memory["data"], np.result_type(memory["data"], memory["compute"]))
        sample: list[Block] = []

        def blocks() -> Iterator[BlockSums]:
            for start in starts:
                stop = min(start + length, ranks)
                block = {name: values[: stop - start] for name, values in memory.items()}
                for name, rows in steps.items():
                    rows.read(start, stop, block[name])
                here = chosen[(chosen >= start) & (chosen < stop)] - start
                sample.append({name: block[name][here] for name in SAMPLED})
                yield BlockSums.of(block, epoch, own[: stop - start])

        return join_blocks(blocks()), sample

    starts: Sequence[int] = range(0, max(1, ranks), length)
    share = -(-len(starts) // SHARES)
    return [pool.submit(work, starts[first : first + share]) for first in range(0, len(starts), share)]
