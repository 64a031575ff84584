"""The published layout of stemdl: folders of processed npz or raw HDF5 files, read and written a few samples at a time.

``training/`` and ``validation/`` hold npz files (sciml-bench, MLCommons); ``train/`` and ``dev/`` raw HDF5 (ORNL).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import Field, Provenance
from workloads.runtime.samples.parallel import interleave_items, map_in_threads
from workloads.runtime.samples.writer import SHARDS, Writer
from workloads.stemdl.formats import (
    MATERIAL_TYPE,
    Sample,
    preprocess_stack,
    raw_groups,
    read_processed,
    read_raw,
    write_processed,
)

FOLDERS = {"training": ("training", "train"), "evaluation": ("validation", "dev")}
"""The publishers' names of the folders, by part. The stand-in data use the first one."""
TOGETHER = 16
"""Samples read at a time: 3 MB when processed."""


@dataclass(frozen=True)
class Piece:
    """Some samples of a part: processed files, or groups of one raw file."""

    paths: tuple[Path, ...]
    groups: tuple[str, ...] = ()

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.groups or self.paths)

    def read(self) -> list[Sample]:
        """Return the samples, processed. Raises DatasetError."""
        if not self.groups:
            return [read_processed(path) for path in self.paths]
        return [Sample(preprocess_stack(stack), label) for _, stack, label in read_raw(self.paths[0], self.groups)]


def list_pieces(published: Path, part: str) -> list[Piece]:
    """Return all samples of a part, by file name. Raises DatasetError if there are none."""
    names = FOLDERS[part]
    folder = next((published / name for name in names if (published / name).is_dir()), None)
    if folder is None:
        raise DatasetError(f"{published} has no folder '{names[0]}' or '{names[1]}'; expected one, of npz or h5 files")
    processed = sorted(folder.rglob("*.npz"))
    found = [Piece(tuple(processed[start : start + TOGETHER])) for start in range(0, len(processed), TOGETHER)]
    for path in sorted(folder.rglob("*.h5")):
        groups = raw_groups(path)
        found += [Piece((path,), groups[start : start + TOGETHER]) for start in range(0, len(groups), TOGETHER)]
    if not found:
        raise DatasetError(f"{folder} holds no samples; expected processed .npz or raw .h5 files")
    return found


def write_samples(published: Path, part: str, first: int, samples: Sequence[Sample]) -> None:
    """Add processed files, numbered from ``first`` on, to a part's folder."""
    folder = published / FOLDERS[part][0]
    folder.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(samples, start=first):
        write_processed(folder / f"sample-{number:06d}.npz", sample)


def stack_samples(samples: Sequence[Sample]) -> dict[str, NDArray[Any]]:
    """Return samples as the fields of a consolidated set."""
    return {
        "input": np.stack([sample.data for sample in samples]),
        "target": np.array([sample.label for sample in samples], np.int64),
        "material": np.array([sample.material.encode() for sample in samples], MATERIAL_TYPE),
    }


class Consolidation(Writer):
    """A writer of samples that notes which space groups occur."""

    def __init__(
        self, folder: Path, provenance: Provenance, fields: Mapping[str, Field], counts: Mapping[str, int],
        settings: Mapping[str, object], progress: Callable[[int, int], None], workers: int,
    ) -> None:  # fmt: skip
        super().__init__(folder, provenance, fields, counts, settings, progress=progress, workers=workers)
        self._classes: set[int] = set()

    def add(self, part: str, samples: Sequence[Sample]) -> None:
        """Add samples at the end of a part."""
        self.append(part, stack_samples(samples))
        self.note({sample.label for sample in samples})

    def note(self, classes: set[int]) -> None:
        """Note that these space groups occur."""
        self._classes |= classes
        self.extra["classes"] = sorted(self._classes)

    def convert(self, parts: Mapping[str, Sequence[Piece]]) -> None:
        """Read all pieces and write each at its place."""
        places = []
        for part, some in parts.items():
            firsts = itertools.accumulate((piece.samples for piece in some), initial=0)
            places += interleave_items(
                [(part, first, piece) for first, piece in zip(firsts, some, strict=False)], SHARDS
            )

        def copy(place: tuple[str, int, Piece]) -> set[int]:
            part, first, piece = place
            samples = piece.read()
            self.write(part, first, stack_samples(samples))
            return {sample.label for sample in samples}

        for classes in map_in_threads(copy, places, self.workers):
            self.note(classes)
