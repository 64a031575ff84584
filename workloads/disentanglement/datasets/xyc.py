"""xyc: a disc at any place in any of five greys (stfc-sciml/dae), made exactly as published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workloads.disentanglement.datasets.base import FactorDataset
from workloads.runtime.dataset import Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import Field
from workloads.runtime.samples.writer import Writer

SIZE, RADIUS, FIRST, LAST = 84, 15, 15, 67
"""Height and width of an image, the disc's radius, and its first and last centre, pixels."""
GREYS = (51, 102, 153, 204, 255)
FILE = "xyc.npz"


class XycDataset(FactorDataset):
    """Images (1, 84, 84) with the factors x, y and colour."""

    SET = "xyc"

    @property
    def image(self) -> Field:
        """Grey levels in 255ths, which the published fifths are exactly."""
        return Field((1, SIZE, SIZE), "uint8")

    @property
    def centres(self) -> NDArray[np.int64]:
        """Coordinates that a disc's centre may have."""
        return np.arange(FIRST, LAST + 1, int(self.settings["stride"]))

    @property
    def factors(self) -> Mapping[str, int]:
        """Two coordinates and a grey level."""
        return {"x": len(self.centres), "y": len(self.centres), "colour": len(GREYS)}

    @property
    def images(self) -> int:
        """All combinations."""
        return int(np.prod(list(self.factors.values())))

    @property
    def evaluated(self) -> NDArray[np.int64]:
        """Numbers of the images that quality is measured on."""
        wanted = self.settings["evaluation_images"]
        if wanted is None:
            return np.arange(self.images)
        if not 0 < wanted <= self.images:
            raise DatasetError(
                f"benchmark.dataset.evaluation_images is {wanted}; there are {self.images} images: 1 to {self.images}"
            )
        drawn = np.random.default_rng(self.settings["seed"]).choice(self.images, wanted, replace=False)
        return np.sort(drawn)

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """All images once as published, and once more those of the evaluation."""
        return self.images, self.images + len(self.evaluated)

    @property
    def stand_in_bytes(self) -> float:
        """Four bytes a pixel as published, one as converted."""
        return float(SIZE * SIZE * (5 * self.images + len(self.evaluated)))

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """The published layout: ``imgs`` (n, 84, 84) float32 and ``labs`` (n, 3), the colour innermost, then y."""
        rows, columns = np.mgrid[:SIZE, :SIZE]
        images, labels = [], []
        for x in self.centres.tolist():
            for y in self.centres.tolist():
                inside = (rows - y) ** 2 + (columns - x) ** 2 < RADIUS**2
                for colour in range(len(GREYS)):
                    images.append(inside * np.float32((colour + 1) / len(GREYS)))
                    labels.append((y, x, colour))
                progress(len(images), self.images)
        np.savez(published / FILE, imgs=np.array(images, np.float32), labs=np.array(labels, np.int64))

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """The published file to the consolidated folder."""
        with np.load(published / FILE) as file:
            images, labels = np.rint(file["imgs"] * 255).astype(np.uint8)[:, None], file["labs"]
        factors = np.stack(
            (np.searchsorted(self.centres, labels[:, 1]), np.searchsorted(self.centres, labels[:, 0]), labels[:, 2]), 1
        )
        parts = {"training": np.arange(len(images)), "evaluation": self.evaluated}
        counts = {part: len(numbers) for part, numbers in parts.items()}
        writer = Writer(folder, self.provenance, self.fields, counts, self.made_of, progress=progress, workers=workers)
        with writer:
            writer.extra.update(factor_names=list(self.factors), factor_sizes=list(self.factors.values()))
            for part, numbers in parts.items():
                writer.append(part, {"image": images[numbers], "factors": factors[numbers]})
