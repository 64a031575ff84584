"""What all data sets of super_resolution share: fine fields, the coarse ones made of them, and patches of both."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from orchestrator.records.checking import Positive
from workloads.runtime.dataset import FamilyDataset, Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import PARTS, Description, Field
from workloads.runtime.samples.writer import Writer
from workloads.super_resolution.datasets.regions import Corners, Fields, Region, patches

SIZES = {"training": "patch", "evaluation": "evaluation_patch"}
"""The setting that says how large a part's patches are."""


class FieldsDescription(Description):
    """``set`` is the data set's own name. ``made`` says what its fine fields are: "published", "simulated" by the
    equations of physics, or "invented".

    Values were ``offset + range * stored``, in ``unit``; the range is that of the training part's fine fields, so that
    PSNR's peak is 1. ``degradation`` and ``scale`` say how the input came about; ``masked``, whether values may be
    missing.
    """

    set: str
    made: str
    offset: float
    range: float
    unit: str
    degradation: str
    scale: Positive
    masked: bool


class FieldsDataset(FamilyDataset):
    """Samples of a "target" (1, p, p), a patch of a fine field, and its "input" (1, p / scale, p / scale), the same
    coarse. Evaluation samples have it at other scales, too, as "x2" and so on. Where values may be missing, "mask"
    (1, p, p) uint8 is 1 where there is one.

    A field is made coarse as a whole and then cut: a patch's coarse cells know what lies beside it.
    """

    NAME = "super_resolution"
    DESCRIBED_BY = FieldsDescription
    UNIT: ClassVar[str]
    """Of its values."""
    MADE: ClassVar[str]
    """What fields made here are: "simulated" or "invented"."""
    MASKED: ClassVar[bool] = False
    """Whether values may be missing."""
    SHARED: ClassVar[tuple[str, ...]] = (
        "source", "version", "split", "seed", "scale", "degradation", "evaluation_scales", "patch", "stride",
        "evaluation_patch",
    )  # fmt: skip

    def coarse_names(self, part: str) -> dict[str, int]:
        """The fields that hold a part's coarse images, and their scales."""
        scale = int(self.settings["scale"])
        further = self.settings["evaluation_scales"] if part == "evaluation" else ()
        return {"input": scale, **{f"x{other}": int(other) for other in further if other != scale}}

    def fields_of(self, part: str) -> dict[str, Field]:
        """The arrays of a part's samples."""
        size = int(self.settings[SIZES[part]])
        arrays = {name: (size // scale, "float32") for name, scale in self.coarse_names(part).items()}
        arrays["target"] = (size, "float32")
        if self.MASKED:
            arrays["mask"] = (size, "uint8")
        return {name: Field((1, side, side), dtype) for name, (side, dtype) in arrays.items()}

    @property
    def fields(self) -> dict[str, Field]:
        """What is trained on."""
        return self.fields_of("training")

    @property
    def evaluation_fields(self) -> dict[str, Field]:
        """What quality is measured on."""
        return self.fields_of("evaluation")

    @property
    @abstractmethod
    def made_shape(self) -> tuple[int, int, int]:
        """How many fine fields are made here, and their height and width."""

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """Fields made, and about as many patches as they hold."""
        fields, height, width = self.made_shape
        return fields, fields * height * width // int(self.settings["stride"]) ** 2

    @property
    def stand_in_bytes(self) -> float:
        """Fields as made, and patches with their coarse ones."""
        return 4.0 * float(np.prod(self.made_shape)) + 1.5 * self.stand_in_counts[1] * self.fields["target"].bytes

    @abstractmethod
    def regions(self, published: Path, part: str) -> Iterator[Region]:
        """The fine fields of a part, one after the other. Raises DatasetError."""

    def detect(self, coarse: Fields, scale: int, random: np.random.Generator) -> Fields:
        """What an instrument makes of a coarse field, in the fields' unit: the same, unless it has noise."""
        return coarse

    def is_worth(self, patch: Region) -> bool:
        """Whether a patch has anything to see: half of its values, at least."""
        return bool(patch.mask.mean() >= 0.5)

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Published files to the consolidated folder."""
        corners: dict[str, list[Corners]] = {}
        for part, key in SIZES.items():
            size = int(self.settings[key])
            stride = int(self.settings["stride"]) if part == "training" else size
            corners[part] = [region.corners(size, stride, self.is_worth) for region in self.whole(published, part)]
            if not any(corners[part]):
                raise DatasetError(
                    f"{published}: there is no patch for {part} with dataset.{key}={size}; take a smaller one"
                )
        lows, highs = zip(*(region.extremes for region in self.whole(published, "training")), strict=True)
        low, extent = min(lows), max(highs) - min(lows) or 1.0
        counts = {part: sum(map(len, found)) for part, found in corners.items()}
        writer = Writer(
            folder, self.provenance, self.fields, counts, self.made_of, progress=progress,
            evaluation_fields=self.evaluation_fields, workers=workers,
        )  # fmt: skip
        with writer:
            writer.extra.update(self.described(low, extent))
            for part, found in corners.items():
                for number, (region, places) in enumerate(zip(self.whole(published, part), found, strict=True)):
                    if places:
                        writer.append(part, self.samples(region, (PARTS.index(part), number), places, low, extent))

    def whole(self, published: Path, part: str) -> Iterator[Region]:
        """The part's fields, whose sides all coarse cells divide."""
        coarsest = max(self.coarse_names("evaluation").values())
        return (region.cropped(coarsest) for region in self.regions(published, part))

    def described(self, low: float, extent: float) -> Mapping[str, object]:
        """What ``dataset.json`` says of the fields, see FieldsDescription."""
        return {
            "set": self.SET,
            "made": self.MADE if self.is_stand_in else "published",
            "offset": low,
            "range": extent,
            "unit": self.UNIT,
            "degradation": str(self.settings["degradation"]),
            "scale": int(self.settings["scale"]),
            "masked": self.MASKED,
        }

    def samples(
        self, region: Region, number: tuple[int, int], corners: Corners, low: float, extent: float
    ) -> dict[str, NDArray[Any]]:
        """The patches at those corners of a region, whose part and place in it ``number`` has: (n, 1, p, p) by field,
        values from ``low`` on in units of ``extent``.
        """
        part = PARTS[number[0]]
        size = int(self.settings[SIZES[part]])
        found: dict[str, NDArray[Any]] = {"target": patches(to_unit(region.filled, low, extent), corners, size)}
        for name, scale in self.coarse_names(part).items():
            # Numbers of its own for each region and scale: noise depends on nothing else that is asked for.
            random = np.random.default_rng((int(self.settings["seed"]), *number, scale))
            coarse = self.detect(region.coarse(scale, self.settings["degradation"]), scale, random)
            places = [(row // scale, column // scale) for row, column in corners]
            found[name] = patches(to_unit(coarse, low, extent), places, size // scale)
        if self.MASKED:
            found["mask"] = patches(region.mask, corners, size)
        return found


def to_unit(values: Fields, low: float, extent: float) -> Fields:
    """The values from ``low`` on in units of ``extent``, computed in double precision."""
    stored: Fields = ((values.astype(np.float64) - low) / extent).astype(np.float32)
    return stored
