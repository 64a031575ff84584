"""xyc: a disc at any place in any of five greys (stfc-sciml/dae, make_xyc_dataset.py), made exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workloads.disentanglement.datasets.base import FactorDataset, PublishedImages, require_labels, to_bytes
from workloads.disentanglement.datasets.layouts import NewArray, npz_array, npz_slabs, write_npz
from workloads.disentanglement.datasets.making import counted
from workloads.disentanglement.rendering.mesh import Floats
from workloads.runtime.dataset import Progress
from workloads.runtime.publication.published import Published

SIZE, RADIUS, FIRST = 84, 15, 15
"""Height and width of an image, the disc's radius, and the first row and column of its centre, pixels."""
GREYS = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
FILE = "xyc.npz"


class XycDataset(FactorDataset):
    """Images (1, 84, 84) with the factors x, y and colour."""

    SET = "xyc"
    SHAPE = (1, SIZE, SIZE)
    FACTORS: ClassVar[Mapping[str, int]] = {"x": 53, "y": 53, "colour": len(GREYS)}
    PRESETS: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "tiny": {"x": 17, "y": 17},
        "small": {"x": 2, "y": 2},
        "full": {},
    }
    MADE = "exact"
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "dae": Published(
            "disentanglement/xyc", 396_500_000, "xyc.npz, 14,045 images, which make_xyc_dataset.py writes",
            page="github.com/stfc-sciml/dae",
        )
    }  # fmt: skip

    @property
    def labels(self) -> Floats:
        """As published (n, 3): row and column of the centre, and the grey."""
        x, y, colour = self.grid.published_classes.T
        return np.stack([y + FIRST, x + FIRST, GREYS[colour]], axis=1)

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """``imgs`` (n, 84, 84) float32 and ``labs`` (n, 3), as the published script writes them."""
        labels = self.labels
        images = NewArray((len(labels), SIZE, SIZE), "<f4", counted(draw_discs(labels), len(labels), progress))
        write_npz(published / FILE, {"imgs": images, "labs": NewArray(labels.shape, "<f8", [labels])}, compressed=False)

    def read_published(self, published: Path) -> PublishedImages:
        """The discs of ``xyc.npz``."""
        path = published / FILE
        require_labels(path, "labs", npz_array(path, "labs", (None, 3), "fi"), self.labels)
        slabs = npz_slabs(path, "imgs", (self.images, SIZE, SIZE), "f")
        return PublishedImages(self.grid.classes, (to_bytes(path, "imgs", images)[:, None] for images in slabs))


def draw_discs(labels: Floats) -> Iterator[NDArray[np.float32]]:
    """The images (1, 84, 84) of the labels (n, 3), one by one: a disc without its rim, on black."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for row, column, grey in labels:
        inside = (rows - row) ** 2 + (columns - column) ** 2 < RADIUS**2
        yield (inside * np.float32(grey))[None]
