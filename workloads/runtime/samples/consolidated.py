"""The project's own data format: a few HDF5 files that load as fast as plain files are read.

A folder holds ``training-00000-of-00002.h5``, … and ``evaluation-…``. Each has one dataset (n, *shape) for each field,
contiguous and aligned to pages, so that a sample is one run of bytes. ``dataset.json`` describes all of them and is
written last: a folder without it is not a data set.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypedDict, TypeVar

import h5py
import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from orchestrator.records import (
    MissingRecordError,
    RecordError,
    check_record,
    read_json,
    read_json_if_whole,
    write_json,
)
from orchestrator.records.checking import Count, Matches, PlainName, Range
from workloads.runtime.errors import DatasetError
from workloads.runtime.memory import page_aligned
from workloads.runtime.samples.parallel import map_in_threads
from workloads.runtime.samples.rows import Rows
from workloads.runtime.samples.sampleset import Arrays, SampleSet

FORMAT = "consolidated/2"
DESCRIPTION = "dataset.json"
CONTENTS = ".verified.json"
"""Sizes and times of the files whose BLAKE3 was correct, so that only changed files are read again."""
PARTS = ("training", "evaluation")
KEPT_BYTES = 16
"""Fields of at most this many bytes per sample, such as labels, are kept in memory."""
KEPT_WHOLE_BYTES = 2**26
"""So are fields of at most this many bytes in all, which the system would keep anyway: to read a sample each, a thread
would wait a sample each for the interpreter's lock, which the training that goes on meanwhile holds.
"""
DAMAGE = (OSError, KeyError, ValueError, RuntimeError)
"""What h5py raises of a damaged file."""

READ_BYTES = 1 << 22


@dataclass(frozen=True)
class Field:
    """One array of a sample: its shape without the dimension of samples, and its type by numpy's name."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def bytes(self) -> int:
        """Bytes per sample."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Provenance:
    """The origin of a data set, written into every file. ``split`` defines the evaluation part."""

    name: str
    source: str
    split: str
    version: str
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.source not in ("real", "stand-in"):
            raise DatasetError(f"source is {self.source!r}; expected 'real' or 'stand-in'")


class FileEntry(TypedDict):
    """One file of a data set: its samples, its size and the BLAKE3 of its content. It lies in the data set's folder."""

    name: PlainName
    samples: Count
    bytes: Annotated[int, Range(0, 2**63 - 1)]
    blake3: Annotated[str, Matches(r"[0-9a-f]{64}", "the 64 digits of a BLAKE3")]


class Description(TypedDict):
    """``dataset.json``. ``settings`` are those that the data depend on; benchmarks add what else describes theirs."""

    format: Literal["consolidated/2"]
    name: str
    source: Literal["real", "stand-in"]
    split: str
    version: str
    seed: int | None
    training_samples: Count
    evaluation_samples: Count
    settings: dict[str, object]
    files: list[FileEntry]
    checksum: str


D = TypeVar("D", bound=Description)
Stamp = list[int | str]
"""Size, time of the last change in ns, and BLAKE3 of a file."""


def overall_checksum(files: Iterable[FileEntry]) -> str:
    """Return the BLAKE3 of the lines ``blake3  name`` in the order of the description, as ``b3sum FILES | b3sum``
    prints it.
    """
    return blake3("".join(f"{file['blake3']}  {file['name']}\n" for file in files).encode()).hexdigest()


def file_digest(path: Path, arrived: Callable[[int], None] = lambda count: None) -> str:
    """Return the BLAKE3 of a file; ``arrived`` receives the bytes read.

    BLAKE3 takes less than half the time of SHA-256 (0.24 against 0.58 ns a byte on an AMD EPYC with instructions for
    SHA-256), which was most of a conversion.
    """
    digest = blake3()
    buffer = memoryview(bytearray(READ_BYTES))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            arrived(count)
    return digest.hexdigest()


def _file_stamps(folder: Path, files: Iterable[FileEntry]) -> dict[str, Stamp]:
    """Size, time of the last change and expected BLAKE3 of each file."""
    stats = {file["name"]: (folder / file["name"]).stat() for file in files}
    return {
        file["name"]: [stats[file["name"]].st_size, stats[file["name"]].st_mtime_ns, file["blake3"]] for file in files
    }


def record_contents(folder: Path, files: Sequence[FileEntry]) -> None:
    """Note that these files now have their correct BLAKE3. In a read-only folder nothing is noted."""
    with suppress(OSError):
        write_json(folder / CONTENTS, _file_stamps(folder, files))


def check_contents(
    folder: Path, only_changed: bool, workers: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Compare the BLAKE3 of all files, or of those changed since the last check, with the description.

    ``progress`` receives bytes; returns how many were read. Raises DatasetError that names the first file that differs.
    """
    files = read_description(folder)["files"]
    known: dict[str, Stamp] = {}
    if only_changed:
        known = read_json_if_whole(folder / CONTENTS) or {}
    stamps = _file_stamps(folder, files)
    chosen = [file for file in files if not only_changed or known.get(file["name"]) != stamps[file["name"]]]
    total = sum(int(file["bytes"]) for file in chosen)
    done, lock = 0, threading.Lock()

    def arrived(count: int) -> None:
        nonlocal done
        with lock:
            done += count
            progress(done, total)

    paths = [folder / file["name"] for file in chosen]
    for file, path, found in zip(
        chosen, paths, map_in_threads(lambda path: file_digest(path, arrived), paths, workers), strict=True
    ):
        if found != file["blake3"]:
            raise DatasetError(f"{path} has another BLAKE3 than {file['blake3']}; make or copy it again")
    if chosen:
        record_contents(folder, files)
    return total


def settings_digest(made_of: Mapping[str, object]) -> str:
    """Return eight hexadecimal digits that change with anything that the data depend on, this format included."""
    return hashlib.sha256(json.dumps([FORMAT, dict(made_of)], sort_keys=True).encode()).hexdigest()[:8]


def read_description(folder: Path) -> Description:
    """Return the parsed ``dataset.json`` of a folder. Raises DatasetError."""
    path = folder / DESCRIPTION
    try:
        return check_record(read_json(path), Description, str(path))
    except MissingRecordError as error:
        raise DatasetError(f"{path} does not exist: the data set is not there or was not finished") from error
    except RecordError as error:
        raise DatasetError(f"{error}; remove {folder} and make the data set again") from error


def read_description_of(folder: Path, kind: type[D]) -> D:
    """The description together with what a benchmark adds to it. Raises DatasetError for data that lack it."""
    try:
        return check_record(read_description(folder), kind, str(folder / DESCRIPTION))
    except RecordError as error:
        raise DatasetError(f"{error}; make the data set again") from error


def verify_dataset(
    folder: Path,
    settings: Mapping[str, object],
    fields: Mapping[str, Field],
    thorough: bool,
    evaluation_fields: Mapping[str, Field] | None = None,
    kind: type[Description] = Description,
    name: str | None = None,
) -> dict[str, object]:
    """Check a data set and return its description, which is of a ``kind`` and of the benchmark ``name``. ``thorough``
    compares every file's BLAKE3, otherwise sizes and headers.

    Returns ``dataset.json`` without its files and settings. Raises DatasetError that names file and key.
    """
    description = read_description_of(folder, kind)
    stated: Mapping[str, object] = description
    expected_facts = {key: str(settings[key]) for key in ("source", "split", "version")}
    for key, fact in {**expected_facts, **({"name": name} if name else {})}.items():
        if fact != stated[key]:
            raise DatasetError(f"{folder}: '{key}' is {stated[key]!r}; expected {fact!r}")
    refuse_other_counts(folder, description)
    for file in description["files"]:
        path = folder / file["name"]
        if not path.is_file():
            raise DatasetError(f"{path} is missing; make or copy the data set again")
        size, expected = path.stat().st_size, file["bytes"]
        if size >= expected:
            evaluation = evaluation_fields is not None and file["name"].startswith("evaluation-")
            check_shard(path, file["samples"], evaluation_fields if evaluation and evaluation_fields else fields)
        if size != expected:
            raise DatasetError(f"{path} has {size} bytes; expected {expected}; make or copy the data set again")
    if overall_checksum(description["files"]) != description["checksum"]:
        raise DatasetError(f"{folder / DESCRIPTION}: 'checksum' does not fit its files; make the data set again")
    if thorough:
        check_contents(folder, False, 1)
    return {key: value for key, value in description.items() if key not in ("files", "settings", "format", "seed")}


def refuse_other_counts(folder: Path, description: Description) -> None:
    """Raise DatasetError unless the files, each named once, hold as many samples of each part as are stated."""
    names = [file["name"] for file in description["files"]]
    if len(set(names)) < len(names):
        raise DatasetError(f"{folder / DESCRIPTION}: a file is named twice; make the data set again")
    for part, stated in (
        ("training", description["training_samples"]),
        ("evaluation", description["evaluation_samples"]),
    ):
        found = sum(file["samples"] for file in description["files"] if file["name"].startswith(f"{part}-"))
        if found != stated:
            raise DatasetError(
                f"{folder / DESCRIPTION}: {part}_samples is {stated}, its files have {found}; make the data set again"
            )


def check_shard(path: Path, samples: int, fields: Mapping[str, Field]) -> None:
    """Raise DatasetError unless this is an HDF5 file with all fields in the right shape and type."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            for key, field in fields.items():
                shape = (samples, *field.shape)
                dataset = file.get(key) if isinstance(file.get(key, getlink=True), h5py.HardLink) else None
                if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
                    raise DatasetError(f"{path} has no dataset '{key}'; expected one of shape {shape}")
                if dataset.shape != shape:
                    raise DatasetError(f"{path}: '{key}' has shape {dataset.shape}; expected {shape}")
                if dataset.dtype != np.dtype(field.dtype):
                    raise DatasetError(f"{path}: '{key}' has dtype {dataset.dtype}; expected {field.dtype}")
    except DAMAGE as error:
        raise DatasetError(f"{path} is not a whole HDF5 file: {error}; make or copy it again") from error


class ConsolidatedSet(SampleSet):
    """One part ("training" or "evaluation") of a consolidated data set, read in any order.

    Fields are read directly into the caller's memory (see rows.py). Small ones are kept in memory.
    """

    def __init__(self, folder: Path, part: str, names: Sequence[str] | None = None) -> None:
        if part not in PARTS:
            raise DatasetError(f"part is {part!r}; expected one of {PARTS}")
        files = [file for file in read_description(folder)["files"] if file["name"].startswith(f"{part}-")]
        shards = [_Shard(folder / file["name"], file["samples"], names) for file in files if file["samples"]]
        if not shards:
            raise DatasetError(f"{folder} has no {part} samples; make the data set again")
        self._shards, sizes = shards, [shard.samples for shard in shards]
        self._shard_of = np.repeat(np.arange(len(sizes)), sizes)
        self._place_in_shard = np.concatenate([np.arange(size) for size in sizes])
        self._kept = {
            key: np.concatenate([shard.columns[key].slab(0, shard.samples) for shard in shards])
            for key, column in shards[0].columns.items()
            if column.row_bytes <= KEPT_BYTES or column.row_bytes * len(self) <= KEPT_WHOLE_BYTES
        }

        self._read = [key for key in shards[0].columns if key not in self._kept]

    def __len__(self) -> int:
        return len(self._shard_of)

    def read(self, indices: NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """Return samples by field, (n, *shape) each; in ``out``, if given, which may hold more than n."""
        count = len(indices)
        if count and not (int(indices.min()) >= 0 and int(indices.max()) < len(self)):
            raise IndexError(f"indices run from {indices.min()} to {indices.max()}; there are {len(self)} samples")
        like = self._shards[0].columns
        if out is None:
            out = {key: page_aligned((count, *column.shape), column.dtype) for key, column in like.items()}
        result = {key: out[key][:count] for key in like}
        shards, firsts = self._shard_of[indices].tolist(), self._place_in_shard[indices].tolist()
        start = 0
        for stop in range(1, count + 1) if self._read else ():
            # One read serves samples that follow each other in a file.
            if stop < count and firsts[stop] == firsts[stop - 1] + 1 and shards[stop] == shards[start]:
                continue
            for key in self._read:
                self._shards[shards[start]].columns[key].read(firsts[start], result[key][start:stop])
            start = stop
        for key, values in self._kept.items():
            # In one call without the interpreter's lock; the indices are known to be there.
            np.take(values, indices, 0, result[key], "clip")
        return result


class _Shard:
    """One file of a part."""

    def __init__(self, path: Path, samples: int, names: Sequence[str] | None) -> None:
        self.samples = samples
        try:
            self._file = h5py.File(path, "r", locking=False)
        except DAMAGE as error:
            raise DatasetError(f"{path} is not a whole HDF5 file: {error}; make or copy it again") from error
        self._descriptor = os.open(path, os.O_RDONLY)
        self.columns: dict[str, Rows] = {}
        for key in names or sorted(self._file):
            dataset = self._file.get(key)
            if not isinstance(dataset, h5py.Dataset) or dataset.shape[:1] != (samples,):
                raise DatasetError(f"{path} has no dataset '{key}' of {samples} samples; make or copy it again")
            self.columns[key] = Rows(path, dataset, self._descriptor)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)
