"""What all data sets of disentanglement share: images with the factors behind them, published or made here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from orchestrator.records.checking import Positive
from workloads.disentanglement.config import SPLITS
from workloads.disentanglement.datasets.factors import Classes, FactorGrid
from workloads.disentanglement.datasets.making import Images
from workloads.disentanglement.scorable import factor_trouble
from workloads.runtime.dataset import ConsolidatedDataset, Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.consolidated import (
    DESCRIPTION,
    ConsolidatedSet,
    Description,
    Field,
    read_description_of,
)
from workloads.runtime.samples.parallel import map_in_threads
from workloads.runtime.samples.writer import Writer


class FactorsDescription(Description):
    """``set`` is the data set's own name. ``made`` says what its pixels are: "published", "exact" or "rendered".
    ``factor_names`` and ``factor_sizes`` are what varies, and how many values each has.
    """

    set: str
    made: str
    factor_names: list[str]
    factor_sizes: list[Positive]


@dataclass(frozen=True)
class PublishedImages:
    """What published files hold: factors of all images (n, k), and the images (m, c, h, w) in order, m at a time."""

    classes: Classes
    slabs: Iterator[NDArray[np.uint8]]


class FactorDataset(ConsolidatedDataset):
    """Samples of an "image" (c, h, w), uint8 for values from 0 to 1, and its "factors" (k,), the class of each.

    Images are in the order of the published file: all combinations of factors, the last varying fastest.
    """

    NAME = "disentanglement"
    DESCRIBED_BY = FactorsDescription
    SET: ClassVar[str]
    """The data set's own name."""
    SHAPE: ClassVar[tuple[int, int, int]]
    """Channels, height and width."""
    FACTORS: ClassVar[Mapping[str, int]]
    """How many values each factor has, as published."""
    PRESETS: ClassVar[Mapping[str, Mapping[str, int]]]
    """Of what is made here: every how many of a factor's values are there, by the preset's name."""
    MADE: ClassVar[str]
    """What pixels made here are: "exact", those of the published rule; "rendered", others of the same factors."""
    SPLITS = SPLITS
    MADE_OF = ("source", "version", "split", "preset", "seed", "evaluation_images")

    @property
    def preset(self) -> str:
        """The name of the chosen one of PRESETS. Raises DatasetError."""
        chosen = str(self.settings["preset"])
        if chosen not in self.PRESETS:
            raise DatasetError(f"dataset.preset is {chosen!r}; expected one of {', '.join(self.PRESETS)}")
        return chosen

    @cached_property
    def grid(self) -> FactorGrid:
        """The factors of the images: all that is published, or a preset's part."""
        return FactorGrid(self.FACTORS, self.PRESETS[self.preset] if self.is_stand_in else {})

    @property
    def factors(self) -> Mapping[str, int]:
        """Names of the factors and how many values each has."""
        return self.grid.sizes

    @property
    def images(self) -> int:
        """How many images there are."""
        return len(self.grid)

    @property
    def fields(self) -> dict[str, Field]:
        """An image and its factors."""
        return {"image": Field(self.SHAPE, "uint8"), "factors": Field((len(self.FACTORS),), "int64")}

    @property
    def folder_name(self) -> str:
        """Such as "disentanglement/xyc-stand-in-1-small-seed1-ab12cd34"."""
        settings = self.settings
        made = settings["version"]
        if self.is_stand_in:
            made = f"{made}-{settings['preset']}-seed{settings['seed']}"
        return f"{self.NAME}/{self.SET}-{settings['source']}-{made}-{consolidated.settings_digest(self.made_of)}"

    @property
    def made_of(self) -> dict[str, object]:
        """All settings that the data depend on; published ones have no preset."""
        return {key: value for key, value in super().made_of.items() if self.is_stand_in or key != "preset"}

    def parts_of(self, images: int) -> dict[str, NDArray[np.int64]]:
        """The numbers of so many images' training and evaluation part, rising. Raises DatasetError.

        At most ``evaluation_images`` are drawn by the seed: from all images or, for "held_out", a tenth of them, which
        training then lacks.
        """
        everything = np.arange(images)
        held_out = self.settings["split"] == "held_out"
        most = images // 10 if held_out else images
        wanted = most if self.settings["evaluation_images"] is None else self.settings["evaluation_images"]
        if min(wanted, most) < 1:
            raise DatasetError(
                f"dataset.evaluation_images is {wanted}, of {most} that split {self.settings['split']!r} leaves of "
                f"{images} images; expected 1 or more"
            )
        drawn = np.random.default_rng(self.settings["seed"]).choice(images, min(wanted, most), replace=False)
        evaluated = np.sort(drawn)
        return {"training": np.setdiff1d(everything, evaluated) if held_out else everything, "evaluation": evaluated}

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """All images as published, and those of both parts."""
        return self.images, sum(map(len, self.parts_of(self.images).values()))

    @property
    def stand_in_bytes(self) -> float:
        """A byte a value, as published and in both parts."""
        return float(np.prod(self.SHAPE)) * sum(self.stand_in_counts)

    @abstractmethod
    def read_published(self, published: Path) -> PublishedImages:
        """What the published files hold. Raises DatasetError, also while images are read."""

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Published files to the consolidated folder."""
        found = self.read_published(published)
        parts = self.parts_of(len(found.classes))
        counts = {part: len(numbers) for part, numbers in parts.items()}
        writer = Writer(folder, self.provenance, self.fields, counts, self.made_of, progress=progress, workers=workers)

        def copy(piece: tuple[int, NDArray[np.uint8]]) -> None:
            start, images = piece
            for part, numbers in parts.items():
                first, last = np.searchsorted(numbers, (start, start + len(images))).tolist()
                if first < last:
                    chosen = numbers[first:last]
                    writer.write(part, first, {"image": images[chosen - start], "factors": found.classes[chosen]})

        with writer:
            for _ in map_in_threads(copy, numbered_slabs(found.slabs), workers):
                pass
            writer.extra.update(
                set=self.SET,
                made=self.MADE if self.is_stand_in else "published",
                factor_names=list(self.factors),
                factor_sizes=list(self.factors.values()),
            )

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Check the published files, all of them read; counts and sizes of what is there. Raises DatasetError."""
        found, done = self.read_published(published), 0
        for images in found.slabs:
            done += len(images)
            progress(done, len(found.classes))
        size = sum(path.stat().st_size for path in published.rglob("*") if path.is_file())
        return {"images": done, "bytes": size}

    def verify(self, folder: Path, thorough: bool) -> dict[str, object]:
        """Check it and say what it is; ``thorough`` compares every file's BLAKE3.

        Raises DatasetError also for factors that the scores refuse, so that it is told before anything is trained.
        """
        facts = super().verify(folder, thorough)
        description = read_description_of(folder, FactorsDescription)
        expected = {"set": self.SET, "factor_names": list(self.factors), "factor_sizes": list(self.factors.values())}
        stated: Mapping[str, object] = description
        for key, value in expected.items():
            if stated[key] != value:
                raise DatasetError(f"{folder / DESCRIPTION}: '{key}' is {stated[key]!r}; expected {value!r}")
        judged = ConsolidatedSet(folder, "evaluation", ("factors",))
        trouble = factor_trouble(judged.read(np.arange(len(judged)))["factors"], description["factor_names"])
        if trouble:
            raise DatasetError(
                f"{folder}: quality cannot be measured on these evaluation images: {trouble}. Another "
                "benchmark.dataset.evaluation_images, split, seed or preset chooses others"
            )
        return facts


def numbered_slabs(slabs: Iterator[NDArray[np.uint8]]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Each slab with the number of its first image."""
    start = 0
    for images in slabs:
        yield start, images
        start += len(images)


def require_labels(path: Path, key: str, found: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    """Raise DatasetError unless the labels (n, k) of a file are those of all combinations of factors in order."""
    if len(found) != len(expected):
        raise DatasetError(
            f"{path}: '{key}' has {len(found)} rows; expected {len(expected)}, one a combination of factors"
        )
    wrong = ~np.isclose(found, expected, rtol=0, atol=1e-6).all(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise DatasetError(
            f"{path}: '{key}'[{row}] is {found[row].tolist()}; expected {expected[row].tolist()}: "
            "another grid of factors, or another order"
        )


def to_bytes(path: Path, key: str, images: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.uint8]:
    """Values from 0 to 1 (floats), or 0 to 255 (integers), as bytes. Raises DatasetError for any other value."""
    largest = 1.0 if images.dtype.kind == "f" else 255
    if not (np.isfinite(images.min()) and images.min() >= 0 and images.max() <= largest):
        raise DatasetError(
            f"{path}: '{key}' holds values from {images.min()} to {images.max()}; expected 0 to {largest}"
        )
    if images.dtype.kind != "f":
        return images.astype(np.uint8)
    levels: NDArray[np.uint8] = np.rint(images * 255).astype(np.uint8)
    return levels


def channels_first(images: Images) -> NDArray[np.uint8]:
    """Images (n, h, w, c) or (n, h, w) as (n, c, h, w)."""
    if images.ndim == 3:
        return images[:, None]
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
