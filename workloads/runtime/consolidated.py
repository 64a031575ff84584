"""The project's own data format: a few HDF5 files that load at the speed of a plain read.

A folder holds `training-00000-of-00002.h5`, … and `evaluation-…`, each with one dataset (n, *shape) a field,
contiguous and aligned to pages, so that a sample is one run of bytes; and `dataset.json`, which describes the whole
and is written last: a folder without it is not a data set.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError
from workloads.runtime.memory import PAGE, page_aligned

FORMAT = "consolidated/1"
DESCRIPTION = "dataset.json"
PARTS = ("training", "evaluation")
NEEDED = ("name", "source", "split", "version", "checksum", "training_samples", "evaluation_samples")

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Field:
    """One array of a sample: its shape without the samples' dimension, and its type by numpy's name."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def bytes(self) -> int:
        """Bytes a sample."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Provenance:
    """Where a data set comes from; written into every file. `split` says what "evaluation" means."""

    name: str
    source: str
    split: str
    version: str
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.source not in ("real", "stand-in"):
            raise DatasetError(f"source is {self.source!r}; expected 'real' or 'stand-in'")


def shard_sizes(samples: int, shards: int) -> list[int]:
    """Samples in each shard: as even as can be, larger ones first."""
    return [samples // shards + (number < samples % shards) for number in range(shards)]


def _silent(done: int, total: int) -> None:
    """Tell nobody."""


class Writer:
    """Writes a data set into a hidden folder beside `folder`, which takes its name at a clean exit and is removed after
    an exception. If another process finished the same folder meanwhile, that one stays and this one is dropped.

    `counts` says how many samples each part will have, `settings` what identifies the data; both go into
    `dataset.json`, and so does what is put into `extra` before the exit. `progress` is called with samples written, of
    how many.
    """

    def __init__(
        self,
        folder: Path,
        provenance: Provenance,
        fields: Mapping[str, Field],
        counts: Mapping[str, int],
        settings: Mapping[str, Any],
        shards: int = 2,
        progress: Callable[[int, int], None] = _silent,
        evaluation_fields: Mapping[str, Field] | None = None,
    ) -> None:
        self.folder, self.provenance = folder, provenance
        # Evaluation samples may have other shapes, such as whole scenes where patches are trained on.
        self.fields = {"training": dict(fields), "evaluation": dict(evaluation_fields or fields)}
        self.counts, self.settings, self.progress = dict(counts), dict(settings), progress
        self.extra: dict[str, Any] = {}
        self._staging = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        self._shards = {part: shard_sizes(self.counts[part], shards) for part in PARTS}
        self._written = dict.fromkeys(PARTS, 0)
        self._files: dict[str, h5py.File] = {}

    def __enter__(self) -> Writer:
        self._staging.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir()
        try:
            for part in PARTS:
                for number, size in enumerate(self._shards[part]):
                    self._create(part, self._name(part, number), size)
        except BaseException:
            self._drop()
            raise
        return self

    def _name(self, part: str, number: int) -> str:
        return f"{part}-{number:05d}-of-{len(self._shards[part]):05d}.h5"

    def _create(self, part: str, name: str, size: int) -> None:
        # The library's default is to put small datasets anywhere; a sample shall begin on a page.
        file = h5py.File(self._staging / name, "w", alignment_threshold=PAGE, alignment_interval=PAGE)
        self._files[name] = file
        for key, field in self.fields[part].items():
            dtype = np.dtype(field.dtype).newbyteorder("<")
            # Allocated now: what was never written has no place in the file to be read from.
            space = h5py.h5s.create_simple((size, *field.shape))
            options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            options.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            options.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            options.set_obj_track_times(False)
            h5py.h5d.create(file.id, key.encode(), h5py.h5t.py_create(dtype, logical=True), space, options)
        file.attrs.update({key: value for key, value in asdict(self.provenance).items() if value is not None})
        file.attrs["format"] = FORMAT

    def append(self, part: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Add samples to a part: (k, *shape) of each field, k >= 1. Raises DatasetError for anything else."""
        fields = self.fields[part]
        if set(arrays) != set(fields):
            raise DatasetError(f"{self.folder}: fields are {sorted(arrays)}; expected {sorted(fields)}")
        count = len(next(iter(arrays.values())))
        for key, array in arrays.items():
            field = fields[key]
            if array.shape != (count, *field.shape) or array.dtype != np.dtype(field.dtype):
                raise DatasetError(
                    f"{self.folder}: '{key}' is {array.shape} {array.dtype}; "
                    f"expected {(count, *field.shape)} {field.dtype}"
                )
        if self._written[part] + count > self.counts[part]:
            raise DatasetError(f"{self.folder}: more than the {self.counts[part]} announced {part} samples arrived")
        taken = 0
        while taken < count:
            number, place, room = self._place(part)
            piece = slice(taken, taken + min(room, count - taken))
            length = piece.stop - piece.start
            for key, array in arrays.items():
                self._files[self._name(part, number)][key][place : place + length] = array[piece]
            taken += length
            self._written[part] += length
        self.progress(sum(self._written.values()), sum(self.counts.values()))

    def _place(self, part: str) -> tuple[int, int, int]:
        """Shard, place in it and room left there for the next sample of a part."""
        first = 0
        for number, size in enumerate(self._shards[part]):
            if self._written[part] < first + size:
                place = self._written[part] - first
                return number, place, size - place
            first += size
        raise DatasetError(f"{self.folder}: no room for another {part} sample")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for file in self._files.values():
                file.close()
            if kind is None:
                for part in PARTS:
                    if self._written[part] != self.counts[part]:
                        raise DatasetError(
                            f"{self.folder}: {part} samples ended after {self._written[part]} of {self.counts[part]}"
                        )
                self._describe()
                self._rename()
        finally:
            self._drop()

    def _drop(self) -> None:
        for file in self._files.values():
            file.close()
        shutil.rmtree(self._staging, ignore_errors=True)

    def _describe(self) -> None:
        files = [
            {"name": path.name, "samples": size, "bytes": path.stat().st_size, "sha256": file_digest(path)}
            for part in PARTS
            for number, size in enumerate(self._shards[part])
            for path in [self._staging / self._name(part, number)]
        ]
        document = {
            "format": FORMAT,
            **asdict(self.provenance),
            "training_samples": self.counts["training"],
            "evaluation_samples": self.counts["evaluation"],
            "settings": self.settings,
            **self.extra,
            "files": files,
            "checksum": overall_checksum(files),
        }
        temporary = self._staging / f".{DESCRIPTION}.partial"
        temporary.write_text(json.dumps(document, indent=1) + "\n")
        temporary.replace(self._staging / DESCRIPTION)

    def _rename(self) -> None:
        try:
            self._staging.rename(self.folder)
        except OSError:
            if not (self.folder / DESCRIPTION).is_file():
                raise


def overall_checksum(files: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over the lines `sha256  name`, in the order of the description."""
    return hashlib.sha256("".join(f"{file['sha256']}  {file['name']}\n" for file in files).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def stand_in_name(benchmark: str, settings: Mapping[str, Any], made_of: Mapping[str, Any]) -> str:
    """Folder of stand-in data under the data root, such as "em_denoise/stand-in-1-small-seed1-ab12cd34".

    `made_of` is all that the data depend on: other values, another folder.
    """
    digest = hashlib.sha256(json.dumps(dict(made_of), sort_keys=True).encode()).hexdigest()[:8]
    return f"{benchmark}/stand-in-{settings['version']}-{settings['preset']}-seed{settings['seed']}-{digest}"


def read_description(folder: Path) -> dict[str, Any]:
    """The parsed `dataset.json` of a folder. Raises DatasetError."""
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DatasetError(f"{path} does not exist: the data set is not there or was not finished")
    try:
        document = json.loads(path.read_text())
    except ValueError as error:
        raise DatasetError(f"{path} is not JSON: {error}; make the data set again") from error
    needed = {*NEEDED, "files"}
    missing = needed - set(document) if isinstance(document, dict) else needed
    if missing or document.get("format") != FORMAT:
        raise DatasetError(f"{path} lacks {sorted(missing)} or is not '{FORMAT}'; make the data set again")
    return dict(document)


def verify(
    folder: Path,
    settings: Mapping[str, Any],
    fields: Mapping[str, Field],
    thorough: bool,
    evaluation_fields: Mapping[str, Field] | None = None,
) -> dict[str, Any]:
    """Check a data set and say what it is; `thorough` compares every file's SHA-256, else sizes and headers.

    Returns what `dataset.json` says but for its files and settings. Raises DatasetError, naming file and key.
    """
    description = read_description(folder)
    for key in ("source", "split", "version"):
        if str(settings[key]) != str(description[key]):
            raise DatasetError(f"{folder}: '{key}' is {description[key]!r}; expected {settings[key]!r}")
    for file in description["files"]:
        path = folder / file["name"]
        if not path.is_file():
            raise DatasetError(f"{path} is missing; make or copy the data set again")
        if path.stat().st_size != file["bytes"]:
            raise DatasetError(f"{path} has {path.stat().st_size} bytes; expected {file['bytes']}")
        evaluation = evaluation_fields is not None and file["name"].startswith("evaluation-")
        check_shard(path, file["samples"], evaluation_fields if evaluation and evaluation_fields else fields)
        if thorough and file_digest(path) != file["sha256"]:
            raise DatasetError(f"{path} has another SHA-256 than {file['sha256']}; make or copy it again")
    if overall_checksum(description["files"]) != description["checksum"]:
        raise DatasetError(f"{folder / DESCRIPTION}: 'checksum' does not fit its files; make the data set again")
    return {key: value for key, value in description.items() if key not in ("files", "settings", "format", "seed")}


def check_shard(path: Path, samples: int, fields: Mapping[str, Field]) -> None:
    """Raise `DatasetError` unless this is an HDF5 file with all fields in the right shape and type."""
    try:
        with h5py.File(path, "r") as file:
            for key, field in fields.items():
                dataset, shape = file.get(key), (samples, *field.shape)
                if not isinstance(dataset, h5py.Dataset):
                    raise DatasetError(f"{path} has no dataset '{key}'; expected one of shape {shape}")
                if dataset.shape != shape:
                    raise DatasetError(f"{path}: '{key}' has shape {dataset.shape}; expected {shape}")
                if dataset.dtype != np.dtype(field.dtype):
                    raise DatasetError(f"{path}: '{key}' has dtype {dataset.dtype}; expected {field.dtype}")
    except OSError as error:
        raise DatasetError(f"{path} is not a whole HDF5 file: {error}; make or copy it again") from error


class ConsolidatedSet:
    """One part ("training" or "evaluation") of a consolidated data set, read in any order.

    Fields that lie in one piece in their file are read straight from there into the caller's memory, with the
    interpreter lock released; chunked or compressed ones are read through h5py, more slowly.
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

    def __len__(self) -> int:
        return len(self._shard_of)

    def read(self, indices: NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """Samples by field, (n, *shape) each; in `out`, which may hold more than n, if it is given."""
        count = len(indices)
        if count and not (int(indices.min()) >= 0 and int(indices.max()) < len(self)):
            raise IndexError(f"indices run from {indices.min()} to {indices.max()}; there are {len(self)} samples")
        like = self._shards[0].columns
        if out is None:
            out = {key: page_aligned((count, *column.shape), column.dtype) for key, column in like.items()}
        result = {key: out[key][:count] for key in like}
        shards, firsts = self._shard_of[indices].tolist(), self._place_in_shard[indices].tolist()
        start = 0
        for stop in range(1, count + 1):
            # One read serves samples that follow each other in a file.
            if stop < count and firsts[stop] == firsts[stop - 1] + 1 and shards[stop] == shards[start]:
                continue
            for key, column in self._shards[shards[start]].columns.items():
                column.read(firsts[start], result[key][start:stop])
            start = stop
        return result


class _Column:
    """One field in one file."""

    def __init__(self, path: Path, dataset: h5py.Dataset, descriptor: int) -> None:
        self.path, self._dataset, self._descriptor = path, dataset, descriptor
        self.shape, self.dtype = dataset.shape[1:], dataset.dtype.newbyteorder("=")
        self._bytes = int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize
        # No offset: chunked or never written. Another byte order would need conversion. Both go through h5py.
        self._offset = dataset.id.get_offset() if dataset.dtype == self.dtype else None

    def read(self, first: int, out: NDArray[Any]) -> None:
        """Fill `out` (n, *shape) with the samples from `first` on."""
        if self._offset is None or not out.flags.c_contiguous or out.dtype != self.dtype:
            out[...] = self._dataset[first : first + len(out)]
            return
        view = out.reshape(-1).view(np.uint8).data
        position = int(self._offset) + first * self._bytes
        while (got := os.preadv(self._descriptor, (view,), position)) != len(view):
            if got == 0:
                size = self.path.stat().st_size
                raise DatasetError(f"{self.path} has {size} bytes; expected {len(view)} after {position}: truncated")
            view, position = view[got:], position + got


class _Shard:
    """One file of a part."""

    def __init__(self, path: Path, samples: int, names: Sequence[str] | None) -> None:
        self.samples = samples
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise DatasetError(f"{path} is not a whole HDF5 file: {error}; make or copy it again") from error
        self._descriptor = os.open(path, os.O_RDONLY)
        self.columns: dict[str, _Column] = {}
        for key in names or sorted(self._file):
            dataset = self._file.get(key)
            if not isinstance(dataset, h5py.Dataset) or dataset.shape[:1] != (samples,):
                raise DatasetError(f"{path} has no dataset '{key}' of {samples} samples; make or copy it again")
            self.columns[key] = _Column(path, dataset, self._descriptor)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)
