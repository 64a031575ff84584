"""The em_denoise data set on disk: where it lives, how it is made, checked and converted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.em_denoise import formats
from workloads.em_denoise.formats import FILES, KEY, Pairs
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.building import building
from workloads.runtime.samples.consolidated import Field, Provenance
from workloads.runtime.samples.parallel import interleaved, mapped
from workloads.runtime.samples.processes import process_pool
from workloads.runtime.samples.writer import SHARDS, Writer

Progress = Callable[[int, int], None]

NAME = "em_denoise"
PUBLISHED = {
    "em_graphene_sim": Published(
        "sciml-datasets/ms/em_graphene_sim", 5_000_000_000, "10,000 pairs of 256 x 256 pixels, simulated with MULTEM"
    )
}
SPLITS = ("test", "held_out")
"""Evaluate on the published `test/`, or, where that is missing, on the last tenth of `train/`."""
MADE_OF = ("source", "version", "split", "seed", "pixels", "training_images", "evaluation_images", "inference_images")
CHUNK = 16
"""Pairs that a worker makes at a time."""


def folder_name(settings: Mapping[str, Any]) -> str:
    """Where under the data root the data set with these settings lives: different data, different folder."""
    if settings["source"] == "real":
        return f"em_denoise/real-{settings['version']}-{settings['split']}"
    return consolidated.stand_in_name("em_denoise", settings, _made_of(settings))


def _made_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: settings[key] for key in MADE_OF if key in settings}


def fields(settings: Mapping[str, Any]) -> dict[str, Field]:
    """A noisy image and the clean one."""
    image = Field((1, int(settings["pixels"]), int(settings["pixels"])), "float32")
    return {"input": image, "target": image}


def verify(folder: Path, settings: Mapping[str, Any], thorough: bool) -> dict[str, Any]:
    """Check a consolidated data set and say what it is; `thorough` compares every file's BLAKE3."""
    return consolidated.verify(folder, settings, fields(settings), thorough)


def synthesise(folder: Path, settings: Mapping[str, Any], progress: Progress, workers: int) -> None:
    """Make the stand-in data set, once: a folder that is already complete is left as it is."""
    if settings["source"] != "stand-in":
        raise DatasetError(
            f"{folder}: source is {settings['source']!r}, which cannot be synthesised; "
            "download the published files and convert them (python -m orchestrator data em_denoise download)"
        )
    if (folder / consolidated.DESCRIPTION).is_file():
        return
    pairs = settings["training_images"] + settings["evaluation_images"]
    total = 2 * pairs + settings["inference_images"]
    try:
        with building(folder) as scratch:
            write_published(scratch, settings, lambda done, _: progress(done, total), workers)
            convert(scratch, folder, settings, lambda done, _: progress(total - pairs + done, total), workers)
    except OSError as error:
        needed = 4 * pairs * fields(settings)["input"].bytes / 1e9
        raise DatasetError(f"{folder} could not be made ({needed:.2f} GB needed): {error}") from error


def write_published(published: Path, settings: Mapping[str, Any], progress: Progress, workers: int) -> None:
    """The stand-in data in the published layout. Raises DatasetError, OSError."""
    sizes = [settings[f"{name}_images"] for name in ("training", "evaluation", "inference")]
    keys = [(int(settings["seed"]), part, number) for part, size in enumerate(sizes) for number in range(size)]
    try:
        with process_pool(workers) as pool:
            chunks = [keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK)]
            made = pool.map(_make, chunks, [int(settings["pixels"])] * len(chunks))
            pairs = _counted((pair for chunk in made for pair in chunk), len(keys), progress)
            for name, size in (("train", sizes[0]), ("test", sizes[1])):
                _write_pairs(published / name, size, int(settings["pixels"]), pairs)
            for number in range(sizes[2]):
                for name, image in zip(("raw", "truth"), next(pairs), strict=True):
                    folder = published / "inference" / name
                    folder.mkdir(parents=True, exist_ok=True)
                    formats.write_image(folder / f"graphene_{number:05d}.tiff", image)
    except BrokenProcessPool as error:
        raise DatasetError(f"{published} could not be made: a simulating process died ({error})") from error


def _make(keys: list[tuple[int, ...]], pixels: int) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    from workloads.em_denoise.imaging import pair

    return [pair(key, pixels) for key in keys]


def _counted(pairs: Iterator[Any], total: int, progress: Progress) -> Iterator[Any]:
    for number, pair in enumerate(pairs):
        progress(number + 1, total)
        yield pair


def _write_pairs(folder: Path, size: int, pixels: int, pairs: Iterator[Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = [stack.enter_context(h5py.File(folder / name, "w")) for name in FILES.values()]
        datasets = [file.create_dataset(KEY, (size, pixels, pixels, 1), "<f4", track_times=False) for file in files]
        for number in range(size):
            for dataset, image in zip(datasets, next(pairs), strict=True):
                dataset[number] = image[..., None]


def convert(published: Path, folder: Path, settings: Mapping[str, Any], progress: Progress, workers: int = 1) -> None:
    """Published files to the consolidated folder; notes the range of the clean training images, PSNR's and SSIM's."""
    split, real = settings["split"], settings["source"] == "real"
    if split not in SPLITS:
        raise DatasetError(f"split is {split!r}; expected one of {SPLITS}")
    provenance = Provenance(
        "em_denoise", settings["source"], split, str(settings["version"]), None if real else settings["seed"]
    )
    with ExitStack() as stack:
        train = stack.enter_context(Pairs(published / "train", settings["pixels"]))
        if split == "test":
            test = stack.enter_context(Pairs(published / "test", settings["pixels"]))
            parts = {"training": (train, 0, len(train)), "evaluation": (test, 0, len(test))}
        else:
            kept = len(train) - max(1, len(train) // 10)
            parts = {"training": (train, 0, kept), "evaluation": (train, kept, len(train))}
        counts = {part: last - first for part, (_, first, last) in parts.items()}
        writer = Writer(
            folder, provenance, fields(settings), counts, _made_of(settings), progress=progress, workers=workers
        )

        def copy(piece: tuple[str, int, int]) -> tuple[float, float]:
            part, start, stop = piece
            pairs, first, _ = parts[part]
            slab = pairs.slab(start, stop)
            writer.write(part, start - first, slab)
            clean = slab["target"]
            return (float(clean.min()), float(clean.max())) if part == "training" else (np.inf, -np.inf)

        with writer:
            pieces = [
                (part, *span)
                for part, (_, first, last) in parts.items()
                for span in interleaved(formats.spans(first, last), SHARDS)
            ]
            extremes = list(mapped(copy, pieces, workers))
            smallest, largest = min(low for low, _ in extremes), max(high for _, high in extremes)
            # Stand-in images are parts of one; what range the published ones have nobody says.
            writer.extra["data_range"] = (largest - smallest or 1.0) if real else 1.0


def check_published(
    published: Path, settings: Mapping[str, Any], progress: Progress = lambda done, total: None
) -> dict[str, Any]:
    """Check the published files, all of them read; counts and sizes of what is there. Raises DatasetError."""
    names = ("train", "test") if settings["split"] == "test" else ("train",)
    with ExitStack() as stack:
        both = {name: stack.enter_context(Pairs(published / name, settings["pixels"])) for name in names}
        found: dict[str, Any] = {f"{name}_images": len(pairs) for name, pairs in both.items()}
        done, total = 0, sum(found.values())
        for pairs in both.values():
            for start, stop in formats.spans(0, len(pairs)):
                pairs.slab(start, stop)
                done += stop - start
                progress(done, total)
    images = formats.inference_pairs(published / "inference")
    for path in (path for pair in images for path in pair):
        formats.read_image(path, settings["pixels"])
    files = [published / name / file for name in names for file in FILES.values()]
    files += [path for pair in images for path in pair]
    return {**found, "inference_images": len(images), "bytes": sum(path.stat().st_size for path in files)}
