"""The dms_scatter data set on disk: where it lives, how it is made, checked and converted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, TypedDict

import numpy as np

from workloads.dms_scatter import formats, synthesis
from workloads.dms_scatter.lattice import CLASSES
from workloads.runtime.dataset import ConsolidatedDataset, Progress, tell_nobody
from workloads.runtime.publication.published import Published
from workloads.runtime.samples.consolidated import Description, Field
from workloads.runtime.samples.parallel import interleave_items, map_in_threads
from workloads.runtime.samples.writer import SHARDS, Writer

FIELDS = {"input": Field(formats.IMAGE_SHAPE, "float32"), "target": Field((), "int64")}
"""Patterns as published, channels last, and classes."""


class PixelFacts(TypedDict):
    """Mean and standard deviation of the training part's pixels."""

    mean: float
    deviation: float


class DmsScatterDescription(Description):
    """``classes`` are the phases by their label."""

    pixels: PixelFacts
    classes: list[str]


class DmsScatterDataset(ConsolidatedDataset):
    """Patterns of diffuse scattering, each with its phase."""

    NAME = "dms_scatter"
    DESCRIBED_BY = DmsScatterDescription
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "dms_sim": Published(
            "sciml-datasets/ms/dms_sim",
            8_600_000_000,
            "8,060 patterns of 487 x 195 pixels and three channels, simulated",
        )
    }
    MADE_OF = ("source", "version", "split", *synthesis.Recipe.__dataclass_fields__)
    fields = FIELDS

    @property
    def recipe(self) -> synthesis.Recipe:
        """What the stand-in is made of. Raises DatasetError."""
        return synthesis.Recipe.of(self.settings)

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """Images for training and evaluation are converted, those for inference are not."""
        images = synthesis.PRESETS[self.recipe.preset]
        return images + self.recipe.inference_images, images

    @property
    def stand_in_bytes(self) -> float:
        """As published and converted."""
        return 2.0 * synthesis.PRESETS[self.recipe.preset] * FIELDS["input"].bytes

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """The stand-in in the published layout."""
        synthesis.write_layout(published, self.recipe, progress, workers)

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Published files to the consolidated folder, with the training part's mean and deviation of all pixels."""
        with formats.open_groups(published) as groups:
            counts = {part: len(group.labels) for part, group in groups.items()}
            writer = Writer(folder, self.provenance, FIELDS, counts, self.made_of, progress=progress, workers=workers)

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
                pieces = [
                    (part, *span) for part, group in groups.items() for span in interleave_items(group.spans, SHARDS)
                ]
                for some in map_in_threads(copy, pieces, workers):
                    pixels.include(some)
                writer.extra["pixels"] = {"mean": pixels.mean, "deviation": pixels.deviation}
                writer.extra["classes"] = list(CLASSES)

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Check the published files, all of them read; counts and sizes of what is there. Raises DatasetError."""
        with formats.open_groups(published) as groups:
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
        paths = [published / formats.TRAINING_FILE, *(path for path, _ in files)]
        return {
            "training_samples": counts["training"],
            "evaluation_samples": counts["evaluation"],
            **{name: int((labels == label).sum()) for label, name in enumerate(CLASSES)},
            "inference_images": len(files),
            "bytes": sum(path.stat().st_size for path in paths),
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
