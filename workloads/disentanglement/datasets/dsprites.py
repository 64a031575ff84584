"""dsprites: a square, an ellipse or a heart, at any place, turned and of any size (google-deepmind/dsprites-dataset).

The published shapes were drawn by LÖVE; those here are of the same kind and factors, and differ in single pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from workloads.disentanglement.datasets.base import FactorDataset, PublishedImages, require_labels, to_bytes
from workloads.disentanglement.datasets.layouts import NewArray, npz_array, npz_slabs, write_npz
from workloads.disentanglement.datasets.making import Images, counted, render_rows
from workloads.disentanglement.rendering.mesh import Floats
from workloads.disentanglement.rendering.outlines import cover_pixels, in_ellipse, in_heart, in_square
from workloads.runtime.dataset import Progress
from workloads.runtime.publication.published import Published

PIXELS, SAMPLES = 64, 4
"""Height and width of an image; samples of a pixel, each way."""
FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
VALUES = {
    "shape": np.array([1.0, 2.0, 3.0]),
    "scale": np.linspace(0.5, 1, 6),
    "orientation": np.linspace(0, 2 * np.pi, 40),
    "posX": np.linspace(0, 1, 32),
    "posY": np.linspace(0, 1, 32),
}
"""Values of the factors as published. The first and the last orientation are one and the same direction."""
SHAPES = {1.0: (in_square, 10.0), 2.0: (in_ellipse, 13.0), 3.0: (in_heart, 13.0)}
"""By the published number: the figure, and what it measures at scale 1 from its centre, pixels."""
MARGIN = 16
"""How far a figure's centre stays from the edge, so that no part of it is cut off; pixels."""


class DspritesDataset(FactorDataset):
    """Images (1, 64, 64) of black and white, with the factors shape, scale, orientation, posX and posY.

    The published sixth factor, the colour, is constant and left out.
    """

    SET = "dsprites"
    SHAPE = (1, PIXELS, PIXELS)
    FACTORS: ClassVar[Mapping[str, int]] = {name: len(values) for name, values in VALUES.items()}
    PRESETS: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "tiny": {"scale": 5, "orientation": 14, "posX": 16, "posY": 16},
        "small": {"scale": 2, "orientation": 4, "posX": 4, "posY": 4},
        "full": {},
    }
    MADE = "rendered"
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "1": Published(
            "disentanglement/dsprites", 26_700_000, f"{FILE}, 737,280 images, Apache-2.0",
            page="github.com/google-deepmind/dsprites-dataset",
        )
    }  # fmt: skip

    @property
    def labels(self) -> Floats:
        """As published, (n, 6): the constant colour, and the values of the factors."""
        columns = zip(VALUES.values(), self.grid.published_classes.T, strict=True)
        return np.stack([np.ones(self.images), *(values[classes] for values, classes in columns)], axis=1)

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """``imgs`` (n, 64, 64) of 0 and 1, ``latents_values`` and ``latents_classes`` (n, 6), compressed as published.

        The published ``metadata`` is an object of Python's, which nobody should have to unpickle.
        """
        labels = self.labels
        rows = counted(render_rows(draw_sprites, labels, workers), self.images, progress)
        classes = np.insert(self.grid.published_classes, 0, 0, axis=1)
        arrays = {
            "imgs": NewArray((self.images, PIXELS, PIXELS), "|u1", rows),
            "latents_values": NewArray(labels.shape, "<f8", [labels]),
            "latents_classes": NewArray(classes.shape, "<i8", [classes]),
        }
        write_npz(published / FILE, arrays, compressed=True)

    def read_published(self, published: Path) -> PublishedImages:
        """The images of the published file."""
        path = published / FILE
        require_labels(path, "latents_values", npz_array(path, "latents_values", (None, 6), "f"), self.labels)
        slabs = npz_slabs(path, "imgs", (self.images, PIXELS, PIXELS), "u")
        return PublishedImages(
            self.grid.classes, (to_bytes(path, "imgs", images.astype(np.float32))[:, None] for images in slabs)
        )


def draw_sprites(labels: Floats) -> Images:
    """The images (n, 64, 64), 0 or 1, of published labels (n, 6): a pixel is white where half of it is covered."""
    images = np.zeros((len(labels), PIXELS, PIXELS), np.uint8)
    span = PIXELS - 2 * MARGIN
    for image, (_, shape, scale, orientation, across, down) in zip(images, labels.tolist(), strict=True):
        inside, size = SHAPES[shape]
        column, row = MARGIN + span * across, MARGIN + span * down
        # Only the square of pixels that the figure can reach.
        left, top = int(column) - MARGIN, int(row) - MARGIN
        window = 2 * MARGIN + 1
        cover = cover_pixels(inside, (column - left, row - top), orientation, size * scale, window, SAMPLES)
        reached = image[top : top + window, left : left + window]
        reached[...] = (cover >= 0.5)[: reached.shape[0], : reached.shape[1]]
    return images
