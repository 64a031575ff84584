"""The dms_scatter data set on disk: where it lives, how it is made, checked and converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from workloads.dms_scatter import formats, synthesis
from workloads.dms_scatter.lattice import CLASSES
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.building import building
from workloads.runtime.samples.consolidated import Field, Provenance
from workloads.runtime.samples.parallel import interleaved, mapped
from workloads.runtime.samples.writer import SHARDS, Writer

Progress = Callable[[int, int], None]

FIELDS = {"input": Field(formats.IMAGE_SHAPE, "float32"), "target": Field((), "int64")}
"""Patterns as published, channels last, and classes."""
NAME = "dms_scatter"
PUBLISHED = {
    "dms_sim": Published(
        "sciml-datasets/ms/dms_sim", 8_600_000_000, "8,060 patterns of 487 x 195 pixels and three channels, simulated"
    )
}


def folder_name(settings: Mapping[str, Any]) -> str:
    """Where under the data root the data set with these settings lives: different data, different folder."""
    if settings["source"] == "real":
        return f"dms_scatter/real-{settings['version']}"
    return consolidated.stand_in_name("dms_scatter", settings, _made_of(settings))


def verify(folder: Path, settings: Mapping[str, Any], thorough: bool) -> dict[str, Any]:
    """Check a consolidated data set and say what it is; `thorough` compares every file's BLAKE3."""
    return consolidated.verify(folder, settings, FIELDS, thorough)


def synthesise(folder: Path, settings: Mapping[str, Any], progress: Progress, workers: int) -> None:
    """Make the stand-in data set, once: a folder that is already complete is left as it is."""
    if settings["source"] != "stand-in":
        raise DatasetError(
            f"{folder}: source is {settings['source']!r}, which cannot be synthesised; "
            "download the published files and convert them (python -m orchestrator data dms_scatter download)"
        )
    if (folder / "dataset.json").is_file():
        return
    recipe = synthesis.Recipe.of(settings)
    images = synthesis.PRESETS[recipe.preset]
    # Simulation and conversion share one count: conversion is done in no time, but not in none.
    total = 2 * images + recipe.inference_images
    try:
        with building(folder) as scratch:
            write_published(scratch, settings, lambda done, _: progress(done, total), workers)
            convert(scratch, folder, settings, lambda done, _: progress(total - images + done, total), workers)
    except OSError as error:
        needed = 2 * images * FIELDS["input"].bytes / 1e9
        raise DatasetError(f"{folder} could not be made ({needed:.1f} GB needed): {error}") from error


def write_published(published: Path, settings: Mapping[str, Any], progress: Progress, workers: int) -> None:
    """The stand-in data in the published layout. Raises DatasetError, OSError."""
    try:
        synthesis.write(published, synthesis.Recipe.of(settings), progress, workers)
    except BrokenProcessPool as error:
        raise DatasetError(f"{published} could not be made: a simulating process died ({error})") from error


def convert(published: Path, folder: Path, settings: Mapping[str, Any], progress: Progress, workers: int = 1) -> None:
    """Published files to the consolidated folder, with the training part's mean and deviation of all pixels."""
    provenance = Provenance(
        "dms_scatter",
        settings["source"],
        settings["split"],
        str(settings["version"]),
        settings["seed"] if settings["source"] == "stand-in" else None,
    )
    with formats.opened(published) as groups:
        counts = {part: len(group.labels) for part, group in groups.items()}
        writer = Writer(folder, provenance, FIELDS, counts, _made_of(settings), progress=progress, workers=workers)

        def copy(piece: tuple[str, int, int]) -> Pixels:
            part, start, stop = piece
            images, labels = groups[part].slab(start, stop)
            writer.write(part, start, {"input": images, "target": labels})
            pixels = Pixels()
            if part == "training":
                pixels.add(images)
            return pixels

        with writer:
            pixels = Pixels()
            pieces = [(part, *span) for part, group in groups.items() for span in interleaved(group.spans, SHARDS)]
            for some in mapped(copy, pieces, workers):
                pixels.include(some)
            writer.extra["pixels"] = {"mean": pixels.mean, "deviation": pixels.deviation}
            writer.extra["classes"] = list(CLASSES)


def check_published(
    published: Path, settings: Mapping[str, Any], progress: Progress = lambda done, total: None
) -> dict[str, Any]:
    """Check the published files, all of them read; counts and sizes of what is there. Raises DatasetError."""
    with formats.opened(published) as groups:
        counts = {part: len(group.labels) for part, group in groups.items()}
        labels = np.concatenate([group.labels for group in groups.values()])
        done, total = 0, sum(counts.values())
        for group in groups.values():
            for start, stop in group.spans:
                group.slab(start, stop)
                done += stop - start
                progress(done, total)
    files = formats.inference_files(published / formats.INFERENCE_FOLDER)
    for path, _ in files:
        formats.read_image(path)
    return {
        "training_samples": counts["training"],
        "evaluation_samples": counts["evaluation"],
        **{name: int((labels == label).sum()) for label, name in enumerate(CLASSES)},
        "inference_images": len(files),
        "bytes": sum(path.stat().st_size for path in [published / formats.TRAINING_FILE, *(path for path, _ in files)]),
    }


class Pixels:
    """Mean and standard deviation of all pixels of arrays that come in pieces."""

    def __init__(self) -> None:
        self._count, self._sum, self._squares = 0, 0.0, 0.0

    def add(self, images: np.ndarray) -> None:
        """Add an array of any shape, pixel by pixel."""
        flat = images.reshape(len(images), -1)
        self._count += flat.size
        self._sum += float(flat.sum(axis=1).sum(dtype=np.float64))
        # Image by image: BLAS adds in blocks, which keeps single precision exact enough.
        self._squares += sum(float(np.dot(image, image)) for image in flat)

    def include(self, other: Pixels) -> None:
        """Add the pixels that another one has seen."""
        self._count += other._count
        self._sum += other._sum
        self._squares += other._squares

    @property
    def mean(self) -> float:
        """Mean of all pixels so far."""
        return self._sum / self._count

    @property
    def deviation(self) -> float:
        """Their standard deviation; 1 where all are equal, so that it can divide."""
        variance = self._squares / self._count - self.mean**2
        return float(np.sqrt(variance)) if variance > 0 else 1.0


def _made_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("source", "version", "split", *synthesis.Recipe.__dataclass_fields__)
    return {key: settings[key] for key in keys if key in settings}
