"""The em_denoise data set on disk: where it lives, how it is made, checked and converted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.em_denoise import formats
from workloads.em_denoise.formats import FILES, KEY, Pairs
from workloads.runtime.dataset import ConsolidatedDataset, Progress, tell_nobody
from workloads.runtime.publication.published import Published
from workloads.runtime.samples.consolidated import Description, Field
from workloads.runtime.samples.parallel import interleave_items, map_in_threads
from workloads.runtime.samples.processes import process_pool
from workloads.runtime.samples.writer import SHARDS, Writer

CHUNK = 16
"""Pairs that a worker makes at a time."""


class EmDenoiseDescription(Description):
    """``data_range``: that of the clean images' values."""

    data_range: float


class EmDenoiseDataset(ConsolidatedDataset):
    """Pairs of a noisy and a clean micrograph."""

    NAME = "em_denoise"
    DESCRIBED_BY = EmDenoiseDescription
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "em_graphene_sim": Published(
            "sciml-datasets/ms/em_graphene_sim",
            5_000_000_000,
            "10,000 pairs of 256 x 256 pixels, simulated with MULTEM",
        )
    }
    SPLITS = ("test", "held_out")
    """Evaluate on the published ``test/``, or, where that is missing, on the last tenth of ``train/``."""
    MADE_OF = (
        "source", "version", "split", "seed", "pixels", "training_images", "evaluation_images", "inference_images"
    )  # fmt: skip

    @property
    def fields(self) -> dict[str, Field]:
        """A noisy image and the clean one."""
        image = Field((1, int(self.settings["pixels"]), int(self.settings["pixels"])), "float32")
        return {"input": image, "target": image}

    @property
    def published_variant(self) -> str:
        """Evaluation samples depend on the split."""
        return f"-{self.settings['split']}"

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """Pairs for training and evaluation are converted, those for inference are not."""
        pairs = self.settings["training_images"] + self.settings["evaluation_images"]
        return pairs + self.settings["inference_images"], pairs

    @property
    def stand_in_bytes(self) -> float:
        """Two images a pair, as published and converted."""
        return 4.0 * self.stand_in_counts[1] * self.fields["input"].bytes

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """The stand-in in the published layout."""
        sizes = [self.settings[f"{name}_images"] for name in ("training", "evaluation", "inference")]
        keys = [(int(self.settings["seed"]), part, number) for part, size in enumerate(sizes) for number in range(size)]
        with process_pool(workers) as pool:
            chunks = [keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK)]
            made = pool.map(_make, chunks, [int(self.settings["pixels"])] * len(chunks))
            pairs = _counted((pair for chunk in made for pair in chunk), len(keys), progress)
            for name, size in (("train", sizes[0]), ("test", sizes[1])):
                _write_pairs(published / name, size, int(self.settings["pixels"]), pairs)
            for number in range(sizes[2]):
                for name, image in zip(("raw", "truth"), next(pairs), strict=True):
                    folder = published / "inference" / name
                    folder.mkdir(parents=True, exist_ok=True)
                    formats.write_image(folder / f"graphene_{number:05d}.tiff", image)

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Published files to the consolidated folder. Notes the range of clean training images, for PSNR and SSIM."""
        provenance, pixels = self.provenance, self.settings["pixels"]
        with ExitStack() as stack:
            train = stack.enter_context(Pairs(published / "train", pixels))
            if provenance.split == "test":
                test = stack.enter_context(Pairs(published / "test", pixels))
                parts = {"training": (train, 0, len(train)), "evaluation": (test, 0, len(test))}
            else:
                kept = len(train) - max(1, len(train) // 10)
                parts = {"training": (train, 0, kept), "evaluation": (train, kept, len(train))}
            counts = {part: last - first for part, (_, first, last) in parts.items()}
            writer = Writer(folder, provenance, self.fields, counts, self.made_of, progress=progress, workers=workers)

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
                    for span in interleave_items(formats.slab_spans(first, last), SHARDS)
                ]
                extremes = list(map_in_threads(copy, pieces, workers))
                smallest, largest = min(low for low, _ in extremes), max(high for _, high in extremes)
                # Stand-in images are parts of one; what range the published ones have nobody says.
                writer.extra["data_range"] = 1.0 if self.is_stand_in else (largest - smallest or 1.0)

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Check the published files, all of them read; counts and sizes of what is there. Raises DatasetError."""
        names = ("train", "test") if self.settings["split"] == "test" else ("train",)
        with ExitStack() as stack:
            both = {name: stack.enter_context(Pairs(published / name, self.settings["pixels"])) for name in names}
            found = {f"{name}_images": len(pairs) for name, pairs in both.items()}
            done, total = 0, sum(found.values())
            for pairs in both.values():
                for start, stop in formats.slab_spans(0, len(pairs)):
                    pairs.slab(start, stop)
                    done += stop - start
                    progress(done, total)
        images = formats.inference_pairs(published / "inference")
        for path in (path for pair in images for path in pair):
            formats.read_image(path, self.settings["pixels"])
        files = [published / name / file for name in names for file in FILES.values()]
        files += [path for pair in images for path in pair]
        return {**found, "inference_images": len(images), "bytes": sum(path.stat().st_size for path in files)}


def _make(keys: list[tuple[int, ...]], pixels: int) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    from workloads.micrographs.imaging import make_pair

    return [make_pair(key, pixels) for key in keys]


def _counted(pairs: Iterator[Any], total: int, progress: Progress) -> Iterator[Any]:
    for number, pair in enumerate(pairs):
        progress(number + 1, total)
        yield pair


def _write_pairs(folder: Path, size: int, pixels: int, pairs: Iterator[Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = [stack.enter_context(h5py.File(folder / name, "w", locking=False)) for name in FILES.values()]
        datasets = [file.create_dataset(KEY, (size, pixels, pixels, 1), "<f4", track_times=False) for file in files]
        for number in range(size):
            for dataset, image in zip(datasets, next(pairs), strict=True):
                dataset[number] = image[..., None]
