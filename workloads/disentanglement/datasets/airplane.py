"""airplane: one aeroplane in 64 colours and from 64 sides (Tonnaer et al., ICML 2022; luis-armando-perez-rey/lsbd-vae).

The published one is of ModelNet40. The aeroplane here is another, of a few swept surfaces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.disentanglement.datasets.base import FactorDataset, PublishedImages, channels_first, to_bytes
from workloads.disentanglement.datasets.layouts import hdf5_dataset, reading_hdf5
from workloads.disentanglement.datasets.making import blend_rows, counted
from workloads.disentanglement.rendering.camera import Camera
from workloads.disentanglement.rendering.mesh import Floats, Mesh, curve_through, ellipsoid, join_meshes, sweep
from workloads.disentanglement.rendering.rasteriser import render_mesh
from workloads.disentanglement.rendering.shading import tinted
from workloads.disentanglement.rendering.studio import layers_of
from workloads.runtime.dataset import Progress
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published

PIXELS, STEPS, SAMPLES = 64, 64, 4
"""Height and width of an image; how many colours and views there are; samples of a pixel, each way."""
FILE = "data/modelnet40/modelnet_color_single_64_64.h5"
GROUND = np.full(3, 0.25)


class AirplaneDataset(FactorDataset):
    """Images (3, 64, 64) with the factors colour and view."""

    SET = "airplane"
    SHAPE = (3, PIXELS, PIXELS)
    FACTORS: ClassVar[Mapping[str, int]] = {"colour": STEPS, "view": STEPS}
    PRESETS: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "tiny": {"colour": 8, "view": 8},
        "small": {"colour": 2, "view": 2},
        "full": {},
    }
    MADE = "rendered"
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "lsbd": Published(
            "disentanglement/lsbd", None, "its data.zip, with modelnet_color_single_64_64.h5",
            page="github.com/luis-armando-perez-rey/lsbd-vae",
        )
    }  # fmt: skip

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """One object of one kind: ``images`` (colours, views, 64, 64, 3), ``colors`` and ``views`` in radians."""
        path = published / FILE
        path.parent.mkdir(parents=True)
        colours, views = (2 * np.pi * np.unique(column) / STEPS for column in self.grid.published_classes.T)
        colour, view = self.grid.classes.T
        blended = np.stack([np.ones((len(colours), 3)), np.broadcast_to(GROUND, (len(colours), 3)),
                            tinted(colours / (2 * np.pi), 0.85, 1.0)], axis=1)  # fmt: skip
        rows = blend_rows(render_view, views[:, None], view, blended[colour], workers)
        with h5py.File(path, "w", locking=False) as file:
            group = file.create_group("airplane/0")
            group["colors"], group["views"] = colours, views
            shape = (len(colours), len(views), PIXELS, PIXELS, 3)
            images = group.create_dataset("images", shape, "u1", track_times=False)
            start = 0
            for some in counted(rows, self.images, progress):
                for number, image in enumerate(some, start=start):
                    images[divmod(number, len(views))] = image
                start += len(some)

    def read_published(self, published: Path) -> PublishedImages:
        """The only object of the only kind in the file."""
        path = published / FILE
        with reading_hdf5(path) as file:
            self._open(path, file)
        return PublishedImages(self.grid.classes, self._slabs(path))

    def _slabs(self, path: Path) -> Iterator[NDArray[np.uint8]]:
        with reading_hdf5(path) as file:
            for images in self._open(path, file):
                yield channels_first(to_bytes(path, "images", images))

    def _open(self, path: Path, file: h5py.File) -> h5py.Dataset:
        group: h5py.Group = file
        for what in ("kind of object", "object"):
            names = sorted(group)
            if len(names) != 1 or not isinstance(group[names[0]], h5py.Group):
                raise DatasetError(f"{path}: '{group.name}' holds {names}; expected one {what}, a group")
            group = group[names[0]]
        colours, views = self.factors.values()
        for key, size in (("colors", colours), ("views", views)):
            values = hdf5_dataset(path, group, key, (size,), "fiu")[()]
            if not (np.diff(values) > 0).all():
                raise DatasetError(f"{path}: '{key}' does not rise; expected the {size} values of a factor in order")
        return hdf5_dataset(path, group, "images", (colours, views, PIXELS, PIXELS, 3), "fu")


def render_view(view: Floats) -> Floats:
    """White, ground and the object's own colour (3, 64, 64) as seen from so far around, (1,) in radians."""
    camera = Camera(float(view[0]), 0.35, 3.6, 0.68)
    return layers_of(render_mesh(airplane(), camera, PIXELS * SAMPLES), camera, SAMPLES)


@cache
def airplane() -> Mesh:
    """An airliner of length and span 2, its nose along x; engines and cockpit without the object's colour."""
    hull = curve_through(
        [(-1.05, 0, 0.06), (-1, 0.05, 0.05), (-0.6, 0.12, 0.02), (-0.1, 0.17, 0), (0.5, 0.17, 0), (0.8, 0.13, -0.02),
         (0.97, 0.06, -0.04), (1, 0, -0.05)], 28,
    )  # fmt: skip
    radius = np.maximum(hull[:, 1], 0)
    radius[[0, -1]] = 0
    fuselage = sweep(hull * np.array([1, 0, 1]), np.stack([radius, radius], -1), (0, 1, 0), 20)
    wings = wing_pair((0.1, -0.25), 1.0, (0.26, 0.11), (-0.04, 0.06))
    tail = wing_pair((-0.88, -1.0), 0.38, (0.13, 0.07), (0.08, 0.1))
    along = np.linspace(0, 1, 8)
    chord = np.where(along < 1, 0.16 - 0.08 * along, 0)
    path = np.stack([-0.82 - 0.2 * along, 0 * along, 0.08 + 0.36 * along], -1)
    fin = sweep(path, np.stack([chord, 0.12 * chord], -1), (1, 0, 0))
    cockpit = ellipsoid((0.12, 0.1, 0.07), 12, paint=0).moved((0.72, 0, 0.07))
    return join_meshes([fuselage, wings, tail, fin, engine(0.42), engine(-0.42), cockpit])


def wing_pair(ahead: tuple[float, float], span: float, chord: tuple[float, float], high: tuple[float, float]) -> Mesh:
    """Two wings in one: how far ahead, how long and how high they are at root and tip."""
    side = np.linspace(-1, 1, 21)
    out = np.abs(side)
    path = np.stack([ahead[0] + (ahead[1] - ahead[0]) * out, span * side, high[0] + (high[1] - high[0]) * out], -1)
    half = np.where(out < 1, chord[0] + (chord[1] - chord[0]) * out, 0)
    return sweep(path, np.stack([half, 0.12 * half], -1), (1, 0, 0))


def engine(side: float) -> Mesh:
    """An engine below a wing, so far to the side."""
    along = np.linspace(-0.14, 0.14, 8)
    radius = np.array([0, 0.05, 0.06, 0.065, 0.065, 0.065, 0.06, 0])
    path = np.stack([along + 0.12 - 0.12 * abs(side), 0 * along + side, 0 * along - 0.11], -1)
    return sweep(path, np.stack([radius, radius], -1), (0, 1, 0), paint=0)
