"""What all data sets of rotations share: images with a class each, in a training and an evaluation part."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from orchestrator.records.checking import Positive
from workloads.rotations.config import SPLITS
from workloads.rotations.datasets.poses import set_upright
from workloads.runtime.dataset import FamilyDataset, Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import Description, Field
from workloads.runtime.samples.writer import Writer

ONE_OF = 5
"""Of the images of a class every fifth one is kept apart."""
Images = NDArray[np.uint8]


class ImagesDescription(Description):
    """``set`` is the data set's own name. ``made`` says what its pixels are: "published", "drawn" or "simulated".

    ``classes``: what each class is of, by its number. ``shape``: channels, height and width. ``left_out``: names
    of published images that show nothing, or the same as another.
    """

    set: str
    made: str
    classes: list[str]
    shape: list[Positive]
    left_out: list[str]


@dataclass(frozen=True)
class Labelled:
    """Images (n, c, h, w), bytes, the class of each (n,), and the names of those that were left out."""

    images: Images
    labels: NDArray[np.int64]
    left_out: list[str] = field(default_factory=list)

    def chosen(self, which: NDArray[np.bool_]) -> Labelled:
        """Some of them, in order."""
        return Labelled(self.images[which], self.labels[which], self.left_out)

    def without_empty(self, names: Sequence[str]) -> Labelled:
        """Those that show anything; ``names`` are all images'."""
        shows = self.images.reshape(len(self.images), -1).max(axis=1) > 0
        found = self.chosen(shows)
        left_out = [name for name, is_shown in zip(names, shows.tolist(), strict=True) if not is_shown]
        return Labelled(found.images, found.labels, left_out)

    @staticmethod
    def joined(parts: Sequence[Labelled]) -> Labelled:
        """All of several."""
        return Labelled(
            np.concatenate([part.images for part in parts]),
            np.concatenate([part.labels for part in parts]),
            [name for part in parts for name in part.left_out],
        )


class ImagesDataset(FamilyDataset):
    """Samples of an "image" (c, h, w), uint8, and its "label", int64."""

    NAME = "rotations"
    DESCRIBED_BY = ImagesDescription
    MADE: ClassVar[str]
    """What images made here are."""
    SPLITS = SPLITS
    SHARED: ClassVar[tuple[str, ...]] = ("source", "version", "split")
    OWN: ClassVar[tuple[str, ...]] = ("poses", "pixels")
    MADE_OF: ClassVar[tuple[str, ...]] = ("seed", "images")

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""

    @abstractmethod
    def classes_of(self, published: Path) -> list[str]:
        """What each class is of, by its number. Raises DatasetError."""

    @abstractmethod
    def parts_of(self, published: Path, progress: Progress = tell_nobody, workers: int = 1) -> dict[str, Labelled]:
        """The training and the evaluation part of the published files. Raises DatasetError."""

    @property
    def fields(self) -> dict[str, Field]:
        """An image and the number of its class."""
        return {"image": Field(self.shape, "uint8"), "label": Field((), "int64")}

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """All images are made, and nearly all converted."""
        return self.settings["images"], self.settings["images"]

    @property
    def stand_in_bytes(self) -> float:
        """As published and converted, a byte a value."""
        return 2.0 * float(np.prod(self.shape)) * int(self.settings["images"])

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Published files to the consolidated folder."""
        provenance, classes = self.provenance, self.classes_of(published)
        parts = self.parts_of(published, progress, workers)
        counts = {name: len(part.labels) for name, part in parts.items()}
        if min(counts.values()) == 0:
            raise DatasetError(f"{published} leaves a part without images: {counts}; more images are needed")
        writer = Writer(folder, provenance, self.fields, counts, self.made_of, progress=progress, workers=workers)
        with writer:
            for name, part in parts.items():
                images = set_upright(part.images) if self.settings.get("poses") == "upright" else part.images
                writer.append(name, {"image": images, "label": part.labels})
            writer.extra.update(
                set=self.SET,
                made=self.MADE if self.is_stand_in else "published",
                classes=classes,
                shape=list(self.shape),
                left_out=[name for part in parts.values() for name in part.left_out],
            )

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Check the published files, all of them read; counts of what is there. Raises DatasetError."""
        parts = self.parts_of(published, progress)
        left_out = sum(len(part.left_out) for part in parts.values())
        counts = {f"{name}_images": len(part.labels) for name, part in parts.items()}
        return {**counts, "left_out": left_out}


def split_apart(found: Labelled, split: str) -> dict[str, Labelled]:
    """The parts of what is published in one piece: every fifth image of a class is the evaluation part of "test"; of
    the others every fifth one is that of "validation".
    """
    apart = one_of_each(found.labels)
    rest = found.chosen(~apart)
    if split == "test":
        return {"training": rest, "evaluation": Labelled(found.images[apart], found.labels[apart])}
    return validated(rest)


def validated(training: Labelled) -> dict[str, Labelled]:
    """The parts of "validation": every fifth image of a class of test's training part is the evaluation part."""
    apart = one_of_each(training.labels)
    return {"training": training.chosen(~apart), "evaluation": Labelled(training.images[apart], training.labels[apart])}


def one_of_each(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each image (n,) is the fifth, tenth, … of its class in the order of the file."""
    place = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        same = labels == label
        place[same] = np.arange(same.sum())
    apart: NDArray[np.bool_] = place % ONE_OF == ONE_OF - 1
    return apart


def averaged(images: Images, pixels: int) -> Images:
    """Images (n, c, h, w) made coarser to (n, c, pixels, pixels), by means of whole pixels."""
    factor = images.shape[-1] // pixels
    if factor == 1:
        return images
    count, channels = images.shape[:2]
    cells = images.reshape(count, channels, pixels, factor, pixels, factor)
    coarse: Images = np.rint(cells.mean((3, 5), dtype=np.float32)).astype(np.uint8)
    return coarse
