"""arrow: one arrow in 64 hues and 64 directions (Tonnaer et al., ICML 2022; luis-armando-perez-rey/lsbd-vae).

What is published is a picture of 64 × 64 pixels and the rule that turns and colours it. The picture drawn here is
another arrow; the rule is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workloads.disentanglement.datasets.base import FactorDataset, PublishedImages
from workloads.disentanglement.datasets.layouts import require_file
from workloads.disentanglement.datasets.making import Images
from workloads.disentanglement.rendering.mesh import Floats
from workloads.disentanglement.rendering.outlines import cover_pixels, in_polygon
from workloads.disentanglement.rendering.shading import blend_layers, pure_hue, quantise
from workloads.runtime.dataset import Progress
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published

PIXELS, STEPS = 64, 64
"""Height and width of an image; how many hues and directions there are."""
FILE = "data/arrow_images/arrow_64.png"
SHAFT_AND_HEAD = np.array([
    (-0.72, 0.15), (0.12, 0.15), (-0.2, 0.48), (0.08, 0.66), (0.74, 0.0),
    (0.08, -0.66), (-0.2, -0.48), (0.12, -0.15), (-0.72, -0.15),
])  # fmt: skip
"""Corners of an arrow to the right, for a picture from -1 to 1."""
RED, GROUND = np.array([0.79, 0.22, 0.16]), np.array([0.1, 0.1, 0.1])


class ArrowDataset(FactorDataset):
    """Images (3, 64, 64) with the factors hue and rotation."""

    SET = "arrow"
    SHAPE = (3, PIXELS, PIXELS)
    FACTORS: ClassVar[Mapping[str, int]] = {"hue": STEPS, "rotation": STEPS}
    PRESETS: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "tiny": {"hue": 8, "rotation": 8},
        "small": {"hue": 2, "rotation": 2},
        "full": {},
    }
    MADE = "rendered"
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "lsbd": Published(
            "disentanglement/lsbd", None, "its data.zip, with arrow_64.png",
            page="github.com/luis-armando-perez-rey/lsbd-vae",
        )
    }  # fmt: skip

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """A picture of our own arrow, where the published one is."""
        from PIL import Image

        path = published / FILE
        path.parent.mkdir(parents=True)
        Image.fromarray(draw_arrow()).save(path)

    def read_published(self, published: Path) -> PublishedImages:
        """The published picture, turned and coloured by the published rule."""
        return PublishedImages(self.grid.classes, self._turned(read_picture(published / FILE)))

    def _turned(self, picture: Floats) -> Iterator[NDArray[np.uint8]]:
        hues, rotations = (np.unique(column) for column in self.grid.published_classes.T)
        grey, vivid = turn_picture(picture, rotations / STEPS)
        for hue in pure_hue(hues / STEPS):
            yield np.ascontiguousarray(quantise(grey + vivid * hue[:, None, None]))


def draw_arrow() -> Images:
    """A red arrow to the right, (64, 64, 3)."""
    half = PIXELS / 2
    cover = cover_pixels(in_polygon(SHAFT_AND_HEAD), (half, half), 0.0, half, PIXELS, 8)
    return blend_layers(np.stack([cover, 1 - cover]), np.stack([RED, GROUND]))


def turn_picture(picture: Floats, turns: Floats) -> tuple[Floats, Floats]:
    """Two parts (r, 1, 64, 64) of a picture (64, 64, 3) turned so often (r,), by cubic splines, on black.

    In a hue whose pure colour is (red, green, blue) it is the first part plus that colour times the second: the
    published rule takes each pixel's hue alone and keeps its value and its saturation. Values are moved and scaled to
    lie between 0 and 1.
    """
    from scipy import ndimage

    turned = np.stack([
        ndimage.rotate(picture, 360 * turn, axes=(-2, -3), reshape=False, mode="constant", cval=0.0) for turn in turns
    ])  # fmt: skip
    largest, smallest = turned.max(-1), turned.min(-1)
    # Splines overshoot: where no channel is above zero, a pixel has no colour.
    smallest = np.where(largest > 0, smallest, largest)
    floor = min(0.0, smallest.min())
    scale = largest.max() - floor
    return ((smallest - floor) / scale)[:, None], ((largest - smallest) / scale)[:, None]


def read_picture(path: Path) -> Floats:
    """The published picture as (64, 64, 3), from 0 to 1. Raises DatasetError."""
    from PIL import Image

    require_file(path, f"a picture of {PIXELS} x {PIXELS} pixels")
    try:
        with Image.open(path) as opened:
            picture = np.asarray(opened.convert("RGB"), np.float64) / 255
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path} ({path.stat().st_size} bytes) is not a whole image: {error}; copy it again"
        ) from error
    if picture.shape != (PIXELS, PIXELS, 3):
        raise DatasetError(f"{path} is of {picture.shape[1]} x {picture.shape[0]} pixels; expected {PIXELS} x {PIXELS}")
    return picture
