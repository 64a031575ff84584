"""The project's own stemdl format: a few HDF5 files that load at the speed of a plain read.

A folder holds `training-00000-of-00002.h5`, … and `evaluation-…`, each with `data` (n, 3, 128, 128) float32
(contiguous: a sample is one run of bytes), `label` (n,) int64 and `material` (n,) bytes ("" where unknown),
and `dataset.json`, which describes the whole and is written last: a folder without it is not a data set.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError
from workloads.stemdl.formats import PROCESSED_SHAPE, Sample

FORMAT = "stemdl-consolidated/1"
DESCRIPTION = "dataset.json"
PARTS = ("training", "evaluation")
SHARDS = 2
MATERIAL_BYTES = 128
PAGE = 4096
"""Data start at a multiple of this: a sample is then a whole number of pages of the page cache, and reads faster."""

Progress = Callable[[int, int], None]
"""Called with how many samples are done, of how many."""


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
        if self.split not in ("material", "random"):
            raise DatasetError(f"split is {self.split!r}; expected 'material' or 'random'")


def shard_sizes(samples: int, shards: int = SHARDS) -> list[int]:
    """Samples in each shard: as even as can be, larger ones first."""
    return [samples // shards + (number < samples % shards) for number in range(shards)]


def shard_name(part: str, number: int, shards: int = SHARDS) -> str:
    """File name of a shard of "training" or "evaluation"."""
    return f"{part}-{number:05d}-of-{shards:05d}.h5"


def counted(total: int, progress: Progress, check: Callable[[], None]) -> Callable[[], None]:
    """What to call after each sample: checks whether to go on, then tells `progress`."""
    numbers = itertools.count(1)

    def report() -> None:
        check()
        progress(next(numbers), total)

    return report


def write_part(
    folder: Path,
    part: str,
    total: int,
    samples: Iterable[Sample],
    provenance: Provenance,
    report: Callable[[], None],
) -> set[int]:
    """Stream `total` samples into the shards of a part; returns the classes seen; calls `report` per sample."""
    source = iter(samples)
    classes: set[int] = set()
    for number, size in enumerate(shard_sizes(total)):
        path = folder / shard_name(part, number)
        with h5py.File(path, "w", alignment_threshold=PAGE, alignment_interval=PAGE) as file:
            classes |= _write_shard(file, size, source, provenance, report)
    if next(source, None) is not None:
        raise DatasetError(f"{folder}: more than the {total} announced {part} samples arrived")
    return classes


def _write_shard(
    file: h5py.File, size: int, source: Iterable[Sample], provenance: Provenance, report: Callable[[], None]
) -> set[int]:
    data = file.create_dataset("data", (size, *PROCESSED_SHAPE), "<f4", track_times=False)
    labels = np.zeros(size, dtype="<i8")
    materials = np.zeros(size, dtype=f"S{MATERIAL_BYTES}")
    digest = hashlib.sha256()
    for index, sample in zip(range(size), source, strict=False):
        if sample.data.shape != PROCESSED_SHAPE or sample.data.dtype != np.float32:
            raise DatasetError(f"sample {index} is {sample.data.shape} {sample.data.dtype}; expected {PROCESSED_SHAPE}")
        data[index] = sample.data
        digest.update(np.ascontiguousarray(sample.data).data)
        labels[index] = sample.label
        materials[index] = sample.material.encode()
        report()
    if size and labels[-1] == 0:
        raise DatasetError(f"{file.filename}: samples ended after {np.count_nonzero(labels)} of {size}")
    file.create_dataset("label", data=labels, track_times=False)
    file.create_dataset("material", data=materials, track_times=False)
    digest.update(labels.data)
    digest.update(materials.tobytes())
    file.attrs.update({key: value for key, value in asdict(provenance).items() if value is not None})
    file.attrs.update({"format": FORMAT, "checksum": digest.hexdigest()})
    return set(labels.tolist())


def describe(
    folder: Path,
    provenance: Provenance,
    counts: Mapping[str, int],
    classes: set[int],
    settings: Mapping[str, Any],
) -> None:
    """Write `dataset.json`: the shards' sizes and SHA-256, one checksum over all."""
    files = [
        {"name": path.name, "samples": samples, "bytes": path.stat().st_size, "sha256": file_digest(path)}
        for part in PARTS
        for number, samples in enumerate(shard_sizes(counts[part]))
        for path in [folder / shard_name(part, number)]
    ]
    document = {
        "format": FORMAT,
        **asdict(provenance),
        "training_samples": counts["training"],
        "evaluation_samples": counts["evaluation"],
        "classes": sorted(classes),
        "settings": dict(settings),
        "files": files,
        "checksum": overall_checksum(files),
    }
    temporary = folder / f".{DESCRIPTION}.partial"
    temporary.write_text(json.dumps(document, indent=1) + "\n")
    temporary.replace(folder / DESCRIPTION)


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


def read_description(folder: Path) -> dict[str, Any]:
    """The parsed `dataset.json` of a folder."""
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DatasetError(f"{path} does not exist: the data set is not there or was not finished")
    try:
        document = json.loads(path.read_text())
    except ValueError as error:
        raise DatasetError(f"{path} is not JSON: {error}; make the data set again") from error
    needed = {
        "name",
        "source",
        "split",
        "version",
        "checksum",
        "training_samples",
        "evaluation_samples",
        "files",
    }
    missing = needed - set(document) if isinstance(document, dict) else needed
    if missing or document.get("format") != FORMAT:
        raise DatasetError(f"{path} lacks {sorted(missing)} or is not '{FORMAT}'; make the data set again")
    return dict(document)


def check_shard(path: Path, samples: int) -> None:
    """Raise `DatasetError` unless this is an HDF5 file with the three arrays in the right shape and type."""
    try:
        with h5py.File(path, "r") as file:
            check_array(path, file, "data", (samples, *PROCESSED_SHAPE), "f4")
            check_array(path, file, "label", (samples,), "i8")
            check_array(path, file, "material", (samples,), "S")
            labels: NDArray[np.int64] = file["label"][()]
    except OSError as error:
        raise DatasetError(f"{path} is not a whole HDF5 file: {error}; make or copy it again") from error
    wrong = labels[(labels < 1) | (labels > 230)]
    if len(wrong):
        raise DatasetError(f"{path}: 'label' holds {wrong[0]}; expected space groups from 1 to 230")


def check_array(path: Path, file: h5py.File, key: str, shape: tuple[int, ...], kind: str) -> None:
    """Raise `DatasetError` unless the dataset is there with this shape and this kind (and width) of type."""
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        raise DatasetError(f"{path} has no dataset '{key}'; expected one of shape {shape}")
    if dataset.shape != shape:
        raise DatasetError(f"{path}: '{key}' has shape {dataset.shape}; expected {shape}")
    if not np.dtype(dataset.dtype).str[1:].startswith(kind):
        raise DatasetError(f"{path}: '{key}' has dtype {dataset.dtype}; expected {kind}")
