"""shapes3d: one of four bodies in a room (Kim and Mnih, ICML 2018; google-deepmind/3d-shapes).

The published images are rendered by MuJoCo; those here by rays into a room of the same kind, with the same factors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.disentanglement.datasets.base import (
    FactorDataset,
    PublishedImages,
    channels_first,
    require_labels,
    to_bytes,
)
from workloads.disentanglement.datasets.layouts import SLAB, hdf5_dataset, reading_hdf5
from workloads.disentanglement.datasets.making import blend_rows, counted
from workloads.disentanglement.rendering.camera import Camera
from workloads.disentanglement.rendering.mesh import Floats, unit
from workloads.disentanglement.rendering.rays import (
    Hits,
    hit_box,
    hit_disc,
    hit_plane,
    hit_sphere,
    hit_tube,
    nearest_hits,
    point_at,
)
from workloads.disentanglement.rendering.shading import average_samples, shade_diffuse, tinted
from workloads.runtime.dataset import Progress
from workloads.runtime.publication.published import Published

PIXELS, SAMPLES = 64, 3
"""Height and width of an image; samples of a pixel, each way."""
FILE = "3dshapes.h5"
VALUES = {
    "floor_hue": np.arange(10) / 10,
    "wall_hue": np.arange(10) / 10,
    "object_hue": np.arange(10) / 10,
    "scale": np.linspace(0.75, 1.25, 8),
    "shape": np.arange(4.0),
    "orientation": np.linspace(-30, 30, 15),
}
"""Values of the factors as published: hues from 0 to 1, sizes, numbers of BODIES, degrees."""
SKY = np.array([0.61, 0.89, 0.98])
SUN = unit(np.array([-0.55, -0.75, 1.6]))
"""Direction of the light that casts the shadow."""
SHADOW, AMBIENT = 0.35, 0.4
HALF, HIGH = 3.4, 2.1
"""Half the room's width, and its walls' height, where a body is about 1.4 wide."""
WALLS = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
"""Directions to the middle of the walls; the fourth is behind the camera."""
UP = np.array([0.0, 0.0, 1.0])


class Shapes3dDataset(FactorDataset):
    """Images (3, 64, 64) with the factors floor, wall and object hue, scale, shape and orientation."""

    SET = "shapes3d"
    SHAPE = (3, PIXELS, PIXELS)
    FACTORS: ClassVar[Mapping[str, int]] = {name: len(values) for name, values in VALUES.items()}
    PRESETS: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "tiny": {"floor_hue": 5, "wall_hue": 5, "object_hue": 5, "scale": 7, "shape": 2, "orientation": 14},
        "small": {"floor_hue": 2, "wall_hue": 2, "object_hue": 2, "scale": 2, "orientation": 3},
        "full": {},
    }
    MADE = "rendered"
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "1": Published(
            "disentanglement/shapes3d", None, "3dshapes.h5, 480,000 images, Apache-2.0",
            page="console.cloud.google.com/storage/browser/3d-shapes",
        )
    }  # fmt: skip

    @property
    def labels(self) -> Floats:
        """The factors' values of all images, (n, 6)."""
        columns = zip(VALUES.values(), self.grid.published_classes.T, strict=True)
        return np.stack([values[classes] for values, classes in columns], axis=1)

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """``images`` (n, 64, 64, 3) uint8 and ``labels`` (n, 6), as published."""
        labels = self.labels
        forms, form = np.unique(labels[:, 3:], axis=0, return_inverse=True)
        sky = np.broadcast_to(SKY, (len(labels), 3))
        colours = np.stack([sky, *(tinted(hue, 1.0, 1.0) for hue in labels[:, :3].T)], axis=1)
        with h5py.File(published / FILE, "w", locking=False) as file:
            file["labels"] = labels
            images = file.create_dataset("images", (len(labels), PIXELS, PIXELS, 3), "u1", track_times=False)
            start = 0
            for some in counted(blend_rows(render_room, forms, form.ravel(), colours, workers), len(labels), progress):
                images[start : start + len(some)] = some
                start += len(some)

    def read_published(self, published: Path) -> PublishedImages:
        """The images of ``3dshapes.h5``."""
        path = published / FILE
        with reading_hdf5(path) as file:
            labels = hdf5_dataset(path, file, "labels", (None, len(VALUES)), "f")[()]
        require_labels(path, "labels", labels, self.labels)
        return PublishedImages(self.grid.classes, read_slabs(path, self.images))


def read_slabs(path: Path, images: int) -> Iterator[NDArray[np.uint8]]:
    """The images of a file (m, 3, 64, 64), m at a time."""
    with reading_hdf5(path) as file:
        dataset = hdf5_dataset(path, file, "images", (images, PIXELS, PIXELS, 3), "u")
        for start in range(0, images, SLAB):
            yield channels_first(to_bytes(path, "images", dataset[start : start + SLAB]))


def render_room(form: Floats) -> Floats:
    """Layers (4, 64, 64) of sky, floor, wall and object, for a scale, a shape and an orientation (3,)."""
    scale, shape, orientation = form.tolist()
    camera = Camera(np.radians(orientation), 0.2, 6.2, 0.8, (0, 0, 0.95))
    origin, rays = camera.position, camera.rays(PIXELS * SAMPLES)
    hit_body = BODIES[int(shape)]
    thing = hit_body(scale, origin, rays)
    walls = nearest_hits([hit_plane(origin, rays, HALF * place, -place) for place in WALLS])
    wall = np.where(point_at(origin, rays, walls.distance)[..., 2] <= HIGH, walls.distance, np.inf)
    floor = hit_plane(origin, rays, np.zeros(3), UP).distance
    ground = point_at(origin, rays, floor)
    floor = np.where(np.abs(ground[..., :2]).max(-1) <= HALF, floor, np.inf)
    # A little above the floor, whose own points would otherwise hide behind themselves.
    shadowed = np.isfinite(hit_body(scale, ground + 1e-6 * UP, SUN).distance)
    far = np.full(rays.shape[:2], 1e9)
    first = np.stack([far, floor, wall, thing.distance]).argmin(0)
    right, up, back = camera.axes
    lamp = unit(0.55 * back - 0.35 * right + 0.75 * up)
    brightness = (
        np.ones_like(far),
        np.where(shadowed, SHADOW, 1.0),
        shade_diffuse(walls.normal, unit(np.array([-0.5, -0.8, 0.6])), AMBIENT),
        shade_diffuse(thing.normal, lamp, AMBIENT),
    )
    return np.stack(
        [average_samples(np.where(first == n, bright, 0.0), SAMPLES) for n, bright in enumerate(brightness)]
    )


def hit_cube(scale: float, origin: Floats, rays: Floats) -> Hits:
    """A cube on the floor."""
    return hit_box(origin, rays, np.full(3, 0.62 * scale), 0.62 * scale * UP)


def hit_cylinder(scale: float, origin: Floats, rays: Floats) -> Hits:
    """A standing cylinder."""
    radius, height = 0.58 * scale, 1.3 * scale
    return nearest_hits([hit_tube(origin, rays, radius, 0, height), hit_disc(origin, rays, radius, height)])


def hit_ball(scale: float, origin: Floats, rays: Floats) -> Hits:
    """A sphere that touches the floor."""
    return hit_sphere(origin, rays, 0.74 * scale * UP, 0.74 * scale)


def hit_capsule(scale: float, origin: Floats, rays: Floats) -> Hits:
    """A standing cylinder with half a sphere at both ends."""
    radius, top = 0.5 * scale, 1.6 * scale
    ends = [hit_sphere(origin, rays, height * UP, radius) for height in (radius, top)]
    return nearest_hits([hit_tube(origin, rays, radius, radius, top), *ends])


BODIES = (hit_cube, hit_cylinder, hit_ball, hit_capsule)
"""By the published number of the shape."""
