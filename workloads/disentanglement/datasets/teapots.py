"""teapots: a teapot from any side in any colour (Eastwood and Williams, ICLR 2018; cianeastwood/qedr).

Factors are no grid but drawn, each from its whole range; a class is a tenth of that. The published teapot is Newell's;
the one here is another, turned on a lathe.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from workloads.disentanglement.datasets.base import FactorDataset, PublishedImages, channels_first, to_bytes
from workloads.disentanglement.datasets.factors import Classes
from workloads.disentanglement.datasets.layouts import NewArray, npz_array, npz_slabs, write_npz
from workloads.disentanglement.datasets.making import Images, counted, render_rows
from workloads.disentanglement.rendering.camera import Camera
from workloads.disentanglement.rendering.mesh import Floats, Mesh, curve_through, join_meshes, revolve, sweep
from workloads.disentanglement.rendering.rasteriser import render_mesh
from workloads.disentanglement.rendering.shading import blend_layers
from workloads.disentanglement.rendering.studio import layers_of
from workloads.runtime.dataset import Progress
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published

PIXELS, SAMPLES, BINS = 64, 3, 10
"""Height and width of an image; samples of a pixel, each way; classes of a factor."""
LARGEST = np.array([2 * np.pi, np.pi / 2, 1.0, 1.0, 1.0])
"""The upper end of each factor's range, which begins at 0."""
FILE = "teapots.npz"
GROUND = np.full(3, 0.25)
IMAGES = {"tiny": 64, "small": 4000, "full": 200_000}
"""How many images are made, by the preset's name; as many as published are "full"."""


class TeapotsDataset(FactorDataset):
    """Images (3, 64, 64) with the factors azimuth, elevation, red, green and blue, in ten classes each."""

    SET = "teapots"
    SHAPE = (3, PIXELS, PIXELS)
    FACTORS: ClassVar[Mapping[str, int]] = dict.fromkeys(("azimuth", "elevation", "red", "green", "blue"), BINS)
    PRESETS: ClassVar[Mapping[str, Mapping[str, int]]] = {name: {} for name in IMAGES}
    MADE = "rendered"
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "qedr": Published(
            "disentanglement/teapots",
            None,
            "edinburgh_teapots.zip, 200,000 images",
            page="github.com/cianeastwood/qedr",
        )
    }

    @property
    def images(self) -> int:
        """How many images are made."""
        return IMAGES[self.preset]

    @cached_property
    def values(self) -> Floats:
        """The factors of the images that are made, (n, 5)."""
        random = np.random.default_rng([self.settings["seed"], 0])
        drawn: Floats = random.uniform(size=(self.images, len(LARGEST))) * LARGEST
        return drawn

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """``images`` (n, 64, 64, 3) int32 and ``gts`` (n, 5), as published."""
        rows = counted(render_rows(render_teapots, self.values, workers), self.images, progress)
        images = NewArray((self.images, PIXELS, PIXELS, 3), "<i4", rows)
        factors = NewArray(self.values.shape, "<f8", [self.values])
        write_npz(published / FILE, {"images": images, "gts": factors}, compressed=False)

    def read_published(self, published: Path) -> PublishedImages:
        """The images of ``teapots.npz``, with their factors in classes."""
        path = published / FILE
        values = npz_array(path, "gts", (None, len(LARGEST)), "f")
        slabs = npz_slabs(path, "images", (len(values), PIXELS, PIXELS, 3), "iu")
        return PublishedImages(
            classes_of(path, values), (channels_first(to_bytes(path, "images", images)) for images in slabs)
        )


def classes_of(path: Path, values: Floats) -> Classes:
    """Ten classes of equal width for each factor (n, 5). Raises DatasetError for a factor out of its range."""
    wrong = ~((values >= 0) & (values <= LARGEST + 1e-6)).all(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise DatasetError(
            f"{path}: 'gts'[{row}] is {values[row].tolist()}; expected azimuth, elevation, red, green and blue "
            f"from 0 to {', '.join(f'{largest:.4g}' for largest in LARGEST)}"
        )
    classes: Classes = np.minimum((values / LARGEST * BINS).astype(np.int64), BINS - 1)
    return classes


def render_teapots(values: Floats) -> Images:
    """The images (n, 64, 64, 3) of factors (n, 5)."""
    images = []
    for azimuth, elevation, *colour in values.tolist():
        camera = Camera(azimuth, elevation, 6.5, 0.5)
        layers = layers_of(render_mesh(teapot(), camera, PIXELS * SAMPLES), camera, SAMPLES)
        images.append(blend_layers(layers, np.stack([np.ones(3), GROUND, np.array(colour)])))
    return np.stack(images)


@cache
def teapot() -> Mesh:
    """A teapot on the z axis, its spout along x: body and lid of turned curves, spout and handle of swept circles."""
    foot, belly = [(0, 0), (0.5, 0), (0.72, 0.03)], [(0.93, 0.25), (1, 0.5), (0.93, 0.8), (0.78, 1.02)]
    body = revolve(curve_through([*foot, *belly, (0.72, 1.1), (0.72, 1.13)], 28))
    cover, knob = [(0.71, 1.1), (0.66, 1.17), (0.45, 1.27), (0.2, 1.34)], [(0.1, 1.45), (0.17, 1.53), (0.15, 1.62)]
    lid = revolve(curve_through([*cover, (0.09, 1.39), *knob, (0, 1.66)], 22))
    spout = [(0.8, 0.3, 0.24), (1.1, 0.45, 0.2), (1.28, 0.75, 0.13), (1.42, 1, 0.1), (1.62, 1.13, 0.11)]
    hoop = [(-0.74, 0.98), (-1.1, 1.02), (-1.38, 0.95), (-1.45, 0.75), (-1.3, 0.5), (-0.9, 0.28)]
    handle = [(x, z, 0.085) for x, z in hoop]
    return join_meshes([body, lid, circles_along(spout, 16), circles_along(handle, 20)]).moved((0, 0, -0.8))


def circles_along(points: list[tuple[float, float, float]], count: int) -> Mesh:
    """A tube in the plane of x and z, through points of x, z and the radius there."""
    curve = curve_through(points, count)
    path = np.stack([curve[:, 0], 0 * curve[:, 0], curve[:, 1]], -1)
    return sweep(path, curve[:, [2, 2]], (0, 1, 0), 16)
