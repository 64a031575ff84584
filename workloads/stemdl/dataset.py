"""The stemdl data set on disk: where it lives, how it is made, checked and read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError
from workloads.stemdl import synthesis
from workloads.stemdl.consolidated import (
    PARTS,
    Provenance,
    check_shard,
    file_digest,
    overall_checksum,
    read_description,
)
from workloads.stemdl.formats import PROCESSED_SHAPE, SAMPLE_BYTES

Arrays = dict[str, NDArray[Any]]


def folder_name(settings: Mapping[str, Any]) -> str:
    """Where under the data root the data set with these settings lives: different data, different folder."""
    source, version, split = settings["source"], settings["version"], settings["split"]
    if source == "real":
        return f"stemdl/real-{version}-{split}"
    digest = hashlib.sha256(json.dumps(_made_of(settings), sort_keys=True).encode()).hexdigest()[:8]
    return f"stemdl/stand-in-{version}-{settings['preset']}-{split}-seed{settings['seed']}-{digest}"


def synthesise(folder: Path, settings: Mapping[str, Any], progress: Callable[[int, int], None], workers: int) -> None:
    """Make the stand-in data set, once: a folder that is already complete is left as it is."""
    if settings["source"] != "stand-in":
        raise DatasetError(
            f"{folder}: source is {settings['source']!r}, which cannot be synthesised; "
            "download the published files and convert them (workloads/stemdl/README.md)"
        )
    if (folder / "dataset.json").is_file():
        return
    recipe = synthesis.Recipe.of(settings)
    provenance = Provenance("stemdl", "stand-in", recipe.split, str(settings["version"]), recipe.seed)
    synthesis.make(folder, recipe, provenance, _made_of(settings), progress, workers)


def _made_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("source", "version", *synthesis.Recipe.__dataclass_fields__)
    return {key: settings[key] for key in keys if key in settings}


def verify(folder: Path, settings: Mapping[str, Any], thorough: bool) -> dict[str, Any]:
    """Check a data set and say what it is; `thorough` compares every file's SHA-256, else sizes and headers.

    Returns name, source, split, version, checksum, training_samples and evaluation_samples.
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
        check_shard(path, file["samples"])
        if thorough and file_digest(path) != file["sha256"]:
            raise DatasetError(f"{path} has another SHA-256 than {file['sha256']}; make or copy it again")
    if overall_checksum(description["files"]) != description["checksum"]:
        raise DatasetError(f"{folder / 'dataset.json'}: 'checksum' does not fit its files; make the data set again")
    keys = ("name", "source", "split", "version", "checksum", "training_samples", "evaluation_samples")
    return {key: description[key] for key in keys}


class ConsolidatedSet:
    """One part ("training" or "evaluation") of a consolidated data set, read in any order.

    Where `data` lies in one piece in its file, samples are read straight from there into the caller's memory,
    with the interpreter lock released; a chunked or compressed file is read through h5py, more slowly.
    Reading from several threads at once is safe in the first case.
    """

    def __init__(self, folder: Path, part: str) -> None:
        if part not in PARTS:
            raise DatasetError(f"part is {part!r}; expected one of {PARTS}")
        files = [file for file in read_description(folder)["files"] if file["name"].startswith(f"{part}-")]
        self._shards = [_Shard(folder / file["name"], file["samples"]) for file in files if file["samples"]]
        sizes = [shard.samples for shard in self._shards]
        self._shard_of = np.repeat(np.arange(len(sizes)), sizes)
        self._place_in_shard = np.concatenate([np.arange(size) for size in sizes])
        self._labels = np.concatenate([shard.labels for shard in self._shards])
        self._in_one_piece = all(shard.in_one_piece for shard in self._shards)

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Space group of every sample (N,)."""
        return self._labels

    def read(self, indices: NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """Samples as "input" (n, 3, 128, 128) float32, 0 to 255, and "target" (n,) int64; in `out` if given."""
        count = len(indices)
        if count and not (int(indices.min()) >= 0 and int(indices.max()) < len(self)):
            raise IndexError(f"indices run from {indices.min()} to {indices.max()}; there are {len(self)} samples")
        if out is None:
            out = {
                "input": np.empty((count, *PROCESSED_SHAPE), np.float32),
                "target": np.empty(count, np.int64),
            }
        images, targets = out["input"][:count], out["target"][:count]
        whole = self._in_one_piece and images.flags.c_contiguous
        view = images.reshape(-1).data.cast("B") if whole else None
        shards, firsts = self._shard_of[indices].tolist(), self._place_in_shard[indices].tolist()
        start = 0
        for stop in range(1, count + 1):
            # One read serves samples that follow each other in a file.
            if stop < count and firsts[stop] == firsts[stop - 1] + 1 and shards[stop] == shards[start]:
                continue
            shard = self._shards[shards[start]]
            if view is not None:
                shard.read_bytes(firsts[start], view[start * SAMPLE_BYTES : stop * SAMPLE_BYTES])
            else:
                shard.read_array(firsts[start], images[start:stop])
            start = stop
        np.take(self._labels, indices, out=targets)
        return {"input": images, "target": targets}


class _Shard:
    """One file of a part."""

    def __init__(self, path: Path, samples: int) -> None:
        check_shard(path, samples)
        self.path, self.samples = path, samples
        self._file = h5py.File(path, "r")
        self._data = self._file["data"]
        self.labels: NDArray[np.int64] = self._file["label"][()]
        # No offset: chunked or never written. Another byte order would need conversion. Both go through h5py.
        offset = self._data.id.get_offset() if self._data.dtype == np.dtype("<f4") else None
        self.in_one_piece = offset is not None
        self.offset = int(offset or 0)
        self.descriptor = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def read_array(self, first: int, out: NDArray[np.float32]) -> None:
        """Fill `out` (n, 3, 128, 128) with the samples from `first` on, through h5py."""
        out[...] = self._data[first : first + len(out)]

    def read_bytes(self, first: int, view: memoryview) -> None:
        """Fill `view` with the bytes of the samples from `first` on."""
        position = self.offset + first * SAMPLE_BYTES
        while (got := os.preadv(self.descriptor, (view,), position)) != len(view):
            if got == 0:
                size = self.path.stat().st_size
                raise DatasetError(f"{self.path} has {size} bytes; expected {len(view)} after {position}: truncated")
            view, position = view[got:], position + got
