"""From the published files to the consolidated format, one sample in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from workloads.runtime.errors import DatasetError
from workloads.stemdl.building import built_at_once, interrupts_remembered
from workloads.stemdl.consolidated import PARTS, Progress, Provenance, counted, describe, write_part
from workloads.stemdl.formats import (
    Sample,
    count_raw,
    preprocessed,
    read_processed,
    read_raw,
    write_processed,
)


def raw_to_processed(sources: Sequence[Path], folder: Path, progress: Progress) -> int:
    """Write every sample of the raw files as FOLDER/sample-N.npz; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(count_raw(path) for path in sources)
    for number, sample in enumerate(_raw_samples(sources)):
        write_processed(folder / f"sample-{number}.npz", sample)
        progress(number + 1, total)
    return total


def consolidate(parts: Mapping[str, Sequence[Path]], folder: Path, provenance: Provenance, progress: Progress) -> None:
    """Make a consolidated data set of raw (`.h5`) or processed (`.npz`) files, given per part.

    `parts` has the keys "training" and "evaluation". Nothing is left behind if a file is bad.
    """
    if set(parts) != set(PARTS):
        raise DatasetError(f"parts are {sorted(parts)}; expected {sorted(PARTS)}")
    counts = {part: sum(_count(path) for path in parts[part]) for part in PARTS}
    empty = [part for part in PARTS if counts[part] == 0]
    if empty:
        raise DatasetError(f"{folder}: no {empty[0]} samples were given; expected raw .h5 or processed .npz files")
    with built_at_once(folder) as partial, interrupts_remembered() as check:
        report = counted(sum(counts.values()), progress, check)
        classes: set[int] = set()
        for part in PARTS:
            classes |= write_part(partial, part, counts[part], _samples(parts[part]), provenance, report)
        describe(partial, provenance, counts, classes, {})


def _count(path: Path) -> int:
    return 1 if path.suffix == ".npz" else count_raw(path)


def _samples(paths: Sequence[Path]) -> Iterator[Sample]:
    for path in paths:
        if path.suffix == ".npz":
            yield read_processed(path)
        else:
            yield from _raw_samples([path])


def _raw_samples(paths: Sequence[Path]) -> Iterator[Sample]:
    for path in paths:
        for _, stack, space_group in read_raw(path):
            yield Sample(preprocessed(stack), space_group)
