"""The stemdl data set on disk: where it lives, how it is made, checked and converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py

from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.consolidated import Field, Provenance
from workloads.stemdl import published_files, synthesis
from workloads.stemdl.formats import MATERIAL_TYPE, PROCESSED_SHAPE, SPACE_GROUPS

Progress = Callable[[int, int], None]

NAME = "stemdl"
PUBLISHED = {
    "stemdl_ds1": Published(
        "sciml-datasets/ms/stemdl_ds1", 40_000_000_000, "187,155 stacks in npz files, simulated with NAMSA; by material"
    ),
    "stemdl_ds1a": Published(
        "sciml-datasets/ms/stemdl_ds1a", 35_400_000_000, "the same number of stacks, it seems dealt out at random"
    ),
}
"""Sizes as sciml-bench's documentation and MLCommons' README give them."""
SPLITS = ("material", "random")
FIELDS = {
    "input": Field(PROCESSED_SHAPE, "float32"),
    "target": Field((), "int64"),
    "material": Field((), MATERIAL_TYPE),
}
"""Stacks as processed, 0 to 255; space groups, 1 to 230; what material it is, where known."""


def folder_name(settings: Mapping[str, Any]) -> str:
    """Where under the data root the data set with these settings lives: different data, different folder."""
    source, version, split = settings["source"], settings["version"], settings["split"]
    if source == "real":
        return f"stemdl/real-{version}-{split}"
    digest = consolidated.digest_of(_made_of(settings))
    return f"stemdl/stand-in-{version}-{settings['preset']}-{split}-seed{settings['seed']}-{digest}"


def _made_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("source", "version", *synthesis.Recipe.__dataclass_fields__)
    return {key: settings[key] for key in keys if key in settings}


def _provenance(settings: Mapping[str, Any]) -> Provenance:
    if settings["split"] not in SPLITS:
        raise DatasetError(f"dataset.split is {settings['split']!r}; expected one of {', '.join(SPLITS)}")
    seed = settings["seed"] if settings["source"] == "stand-in" else None
    return Provenance(NAME, settings["source"], settings["split"], str(settings["version"]), seed)


def verify(folder: Path, settings: Mapping[str, Any], thorough: bool) -> dict[str, Any]:
    """Check a consolidated data set and say what it is; `thorough` compares every file's BLAKE3."""
    facts = consolidated.verify(folder, settings, FIELDS, thorough)
    for file in consolidated.read_description(folder)["files"]:
        with h5py.File(folder / file["name"], "r") as opened:
            labels = opened["target"][()]
        wrong = labels[(labels < SPACE_GROUPS.start) | (labels >= SPACE_GROUPS.stop)]
        if len(wrong):
            raise DatasetError(
                f"{folder / file['name']}: 'target' holds {wrong[0]}; expected space groups from 1 to 230"
            )
    return facts


def synthesise(folder: Path, settings: Mapping[str, Any], progress: Progress, workers: int) -> None:
    """Make the stand-in data set, once: a folder that is already complete is left as it is."""
    if settings["source"] != "stand-in":
        raise DatasetError(
            f"{folder}: source is {settings['source']!r}, which cannot be synthesised; "
            "download the published files and convert them (python -m orchestrator data stemdl download)"
        )
    if (folder / consolidated.DESCRIPTION).is_file():
        return
    recipe = synthesis.Recipe.of(settings)
    writer = published_files.Consolidation(
        folder, _provenance(settings), FIELDS, synthesis.counts(recipe), _made_of(settings), progress, workers
    )
    try:
        with writer:
            for part, samples in synthesis.samples(recipe, workers):
                writer.add(part, samples)
    except OSError as error:
        raise DatasetError(f"{folder} could not be made ({writer.bytes / 1e9:.2f} GB needed): {error}") from error


def write_published(published: Path, settings: Mapping[str, Any], progress: Progress, workers: int) -> None:
    """The stand-in data in the published layout, as processed files. Raises DatasetError, OSError."""
    recipe = synthesis.Recipe.of(settings)
    done, total = 0, sum(synthesis.counts(recipe).values())
    for part, samples in synthesis.samples(recipe, workers):
        published_files.write(published, part, done, samples)
        done += len(samples)
        progress(done, total)


def convert(published: Path, folder: Path, settings: Mapping[str, Any], progress: Progress, workers: int = 1) -> None:
    """Published files, raw or processed, to the consolidated folder, with the published pre-processing."""
    provenance = _provenance(settings)
    parts = {part: published_files.pieces(published, part) for part in consolidated.PARTS}
    counts = {part: sum(piece.samples for piece in pieces) for part, pieces in parts.items()}
    with published_files.Consolidation(
        folder, provenance, FIELDS, counts, _made_of(settings), progress, workers
    ) as writer:
        writer.convert(parts)


def check_published(
    published: Path, settings: Mapping[str, Any], progress: Progress = lambda done, total: None
) -> dict[str, Any]:
    """Check the published files, all of them read; counts and sizes of what is there. Raises DatasetError."""
    parts = {part: published_files.pieces(published, part) for part in consolidated.PARTS}
    counts = {part: sum(piece.samples for piece in pieces) for part, pieces in parts.items()}
    classes: set[int] = set()
    done, total = 0, sum(counts.values())
    for pieces in parts.values():
        for piece in pieces:
            samples = piece.read()
            classes |= {sample.label for sample in samples}
            done += len(samples)
            progress(done, total)
    files = {path for pieces in parts.values() for piece in pieces for path in piece.paths}
    return {
        "training_samples": counts["training"],
        "evaluation_samples": counts["evaluation"],
        "space_groups": len(classes),
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
    }
