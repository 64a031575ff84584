"""Writes consolidated data sets (see consolidated.py) from any number of threads.

The HDF5 library lays out the files. They are then filled at the offsets of their fields, without the library and its
lock, so that a conversion is as fast as a copy.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError
from workloads.runtime.memory import PAGE
from workloads.runtime.samples.building import build_folder
from workloads.runtime.samples.consolidated import (
    DESCRIPTION,
    FORMAT,
    PARTS,
    Field,
    FileEntry,
    Provenance,
    file_digest,
    overall_checksum,
    record_contents,
)
from workloads.runtime.samples.parallel import map_in_threads
from workloads.runtime.samples.space import FULL, require_space

if TYPE_CHECKING:
    from typing_extensions import Self


SHARDS = 2
"""Default number of files of a part."""


def shard_sizes(samples: int, shards: int) -> list[int]:
    """Return the samples of each shard, as even as possible, larger ones first."""
    return [samples // shards + (number < samples % shards) for number in range(shards)]


def _silent(done: int, total: int) -> None:
    """Ignore the progress."""


class Shard:
    """One file of a part: the samples that it holds, and the offset of each field."""

    def __init__(
        self, path: Path, first: int, samples: int, fields: Mapping[str, Field], provenance: Provenance
    ) -> None:
        self.path, self.first, self.samples = path, first, samples
        self.places: dict[str, int] = {}
        # The library's default is to put small datasets anywhere; a sample shall begin on a page.
        with h5py.File(path, "w", alignment_threshold=PAGE, alignment_interval=PAGE, locking=False) as file:
            for key, field in fields.items():
                dtype = np.dtype(field.dtype).newbyteorder("<")
                # Allocated now: what was never written has no place in the file to be filled.
                space = h5py.h5s.create_simple((samples, *field.shape))
                options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                options.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                options.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
                options.set_obj_track_times(False)
                kind = h5py.h5t.py_create(dtype, logical=True)
                self.places[key] = h5py.h5d.create(file.id, key.encode(), kind, space, options).get_offset() or 0
            file.attrs.update({key: value for key, value in asdict(provenance).items() if value is not None})
            file.attrs["format"] = FORMAT
        self.descriptor = os.open(path, os.O_WRONLY)

    def write(self, key: str, first: int, array: NDArray[Any]) -> None:
        """Write (k, *shape) from the sample ``first`` of this file on."""
        little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        view = little.reshape(-1).view(np.uint8).data
        position = self.places[key] + first * (little.nbytes // len(little))
        while view:
            written = os.pwrite(self.descriptor, view, position)
            view, position = view[written:], position + written

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)


class Writer:
    """Writes a data set into a hidden folder beside ``folder``, which is renamed to it at a clean exit and removed
    after an exception.

    If another process finished the same folder meanwhile, that one stays and this one is dropped. ``counts`` states how
    many samples each part will have, ``settings`` identifies the data; both go into ``dataset.json``, and so does the
    content of ``extra`` at the exit. ``progress`` receives the samples written and their total. At the exit ``workers``
    threads compute checksums.
    """

    def __init__(
        self,
        folder: Path,
        provenance: Provenance,
        fields: Mapping[str, Field],
        counts: Mapping[str, int],
        settings: Mapping[str, object],
        shards: int = SHARDS,
        progress: Callable[[int, int], None] = _silent,
        evaluation_fields: Mapping[str, Field] | None = None,
        workers: int = 1,
    ) -> None:
        self.folder, self.provenance, self.workers = folder, provenance, workers
        # Evaluation samples may have other shapes, such as whole scenes where patches are trained on.
        self.fields = {"training": dict(fields), "evaluation": dict(evaluation_fields or fields)}
        self.counts, self.settings, self.progress = dict(counts), dict(settings), progress
        self.extra: dict[str, object] = {}
        self._sizes = {part: shard_sizes(self.counts[part], shards) for part in PARTS}
        self._written = dict.fromkeys(PARTS, 0)
        self._shards: dict[str, list[Shard]] = {part: [] for part in PARTS}
        self._lock = threading.Lock()
        self._stack = ExitStack()

    @property
    def bytes(self) -> int:
        """Bytes of all samples."""
        return sum(
            self.counts[part] * sum(field.bytes for field in fields.values()) for part, fields in self.fields.items()
        )

    def __enter__(self) -> Self:
        require_space(self.folder.parent, self.bytes, f"{self.folder}")
        with ExitStack() as stack:
            self._partial = stack.enter_context(build_folder(self.folder))
            for part in PARTS:
                first = 0
                for number, size in enumerate(self._sizes[part]):
                    path = self._partial / f"{part}-{number:05d}-of-{len(self._sizes[part]):05d}.h5"
                    shard = Shard(path, first, size, self.fields[part], self.provenance)
                    stack.callback(shard.close)
                    self._shards[part].append(shard)
                    first += size
            self._stack = stack.pop_all()
        return self

    def append(self, part: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Add samples at the end of a part."""
        self.write(part, self._written[part], arrays)

    def write(self, part: str, first: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write samples from the place ``first`` of a part on: (k, *shape) of each field, k >= 1.

        It may be called from any thread, once for each place. Raises DatasetError if the arrays do not fit.
        """
        count = self._check(part, first, arrays)
        try:
            for shard in self._shards[part]:
                begin, end = max(first, shard.first), min(first + count, shard.first + shard.samples)
                if begin < end:
                    for key, array in arrays.items():
                        shard.write(key, begin - shard.first, array[begin - first : end - first])
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise DatasetError(
                f"no space left at {self.folder.parent} for {self.folder.name}: make room and start again"
            ) from error
        with self._lock:
            self._written[part] += count
            self.progress(sum(self._written.values()), sum(self.counts.values()))

    def _check(self, part: str, first: int, arrays: Mapping[str, NDArray[Any]]) -> int:
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
        if first + count > self.counts[part]:
            raise DatasetError(f"{self.folder}: more than the {self.counts[part]} announced {part} samples arrived")
        return count

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None:
                for part in PARTS:
                    if self._written[part] != self.counts[part]:
                        raise DatasetError(
                            f"{self.folder}: {part} samples ended after {self._written[part]} of {self.counts[part]}"
                        )
                self._describe()
                self._rename()

    def _describe(self) -> None:
        shards = [shard for part in PARTS for shard in self._shards[part]]
        digests = map_in_threads(file_digest, [shard.path for shard in shards], self.workers)
        files: list[FileEntry] = [
            {"name": shard.path.name, "samples": shard.samples, "bytes": shard.path.stat().st_size, "blake3": digest}
            for shard, digest in zip(shards, digests, strict=True)
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
        record_contents(self._partial, files)
        temporary = self._partial / f".{DESCRIPTION}.partial"
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        temporary.replace(self._partial / DESCRIPTION)

    def _rename(self) -> None:
        try:
            self._partial.rename(self.folder)
        except OSError:
            if not (self.folder / DESCRIPTION).is_file():
                raise
