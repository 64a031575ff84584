"""face: heads of 50 people from many sides in many lights.

The published images are of the Basel face model, whose licence forbids passing it on; those who have them keep them as
``basel_face_renders.pth`` (rtqichen/beta-tcvae). The heads here are not of that model and of nobody (see heads.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workloads.disentanglement.datasets.base import FactorDataset, PublishedImages, to_bytes
from workloads.disentanglement.datasets.heads import make_head
from workloads.disentanglement.datasets.layouts import SLAB, require_file
from workloads.disentanglement.datasets.making import Images, counted, render_rows
from workloads.disentanglement.rendering.camera import Camera
from workloads.disentanglement.rendering.mesh import Floats, Mesh, unit
from workloads.disentanglement.rendering.rasteriser import Seen, render_mesh
from workloads.disentanglement.rendering.shading import average_samples, quantise, shade_diffuse
from workloads.runtime.dataset import Progress
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published

PIXELS, SAMPLES = 64, 3
"""Height and width of an image; samples of a pixel, each way."""
FILE = "basel_face_renders.pth"
VALUES = {
    "identity": np.arange(50.0),
    "azimuth": np.radians(np.linspace(-60, 60, 21)),
    "elevation": np.radians(np.linspace(-30, 30, 11)),
    "lighting": np.radians(np.linspace(-75, 75, 11)),
}
"""As many values as published; what the published angles are is not stated anywhere."""
AMBIENT = 0.3


class FaceDataset(FactorDataset):
    """Images (1, 64, 64) with the factors identity, azimuth, elevation and lighting (the lamp's azimuth)."""

    SET = "face"
    SHAPE = (1, PIXELS, PIXELS)
    FACTORS: ClassVar[Mapping[str, int]] = {name: len(values) for name, values in VALUES.items()}
    PRESETS: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "tiny": {"identity": 25, "azimuth": 10, "elevation": 5, "lighting": 5},
        "small": {"identity": 5, "azimuth": 2, "elevation": 2, "lighting": 2},
        "full": {},
    }
    MADE = "rendered"
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "basel": Published(
            "disentanglement/face", 520_000_000, f"{FILE}, 127,050 images of the Basel face model, not to be passed on",
            page="github.com/rtqichen/beta-tcvae",
        )
    }  # fmt: skip

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """One tensor (identities, azimuths, elevations, lightings, 64, 64) of bytes, as published."""
        import torch

        columns = zip(VALUES.values(), self.grid.published_classes.T, strict=True)
        rows = np.stack([values[classes] for values, classes in columns], axis=1)
        images = np.concatenate(list(counted(render_rows(render_faces, rows, workers), self.images, progress)))
        torch.save(torch.from_numpy(images.reshape(*self.factors.values(), PIXELS, PIXELS)), published / FILE)

    def read_published(self, published: Path) -> PublishedImages:
        """The images of the tensor."""
        return PublishedImages(self.grid.classes, read_tensor(published / FILE, tuple(self.factors.values())))


def read_tensor(path: Path, sizes: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
    """The images (m, 1, 64, 64) of a tensor (*sizes, 64, 64) in a file, m at a time. Raises DatasetError."""
    import torch

    require_file(path, "a tensor of faces")
    try:
        tensor = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Damaged files raise whatever the unpickler comes to.
        size = path.stat().st_size
        raise DatasetError(f"{path} ({size} bytes) is not a whole file of torch's: {error}; copy it again") from error
    expected = (*sizes, PIXELS, PIXELS)
    if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != expected:
        found = tuple(tensor.shape) if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise DatasetError(f"{path} holds {found}; expected one tensor of {expected}")
    images = tensor.reshape(-1, 1, PIXELS, PIXELS).numpy()
    for start in range(0, len(images), SLAB):
        yield to_bytes(path, "images", images[start : start + SLAB])


def render_faces(rows: Floats) -> Images:
    """The images (n, 64, 64) of rows (n, 4): identity, azimuth, elevation and lighting, in radians."""
    return np.stack([render_face(int(identity), *angles) for identity, *angles in rows.tolist()])


def render_face(identity: int, azimuth: float, elevation: float, lighting: float) -> Images:
    """One image (64, 64). The lamp stays where it is as the camera moves about the head."""
    seen = surface_of(identity, azimuth, elevation)
    lamp = unit(np.array([np.sin(lighting), -0.9 * np.cos(lighting), 0.35]))
    image = np.zeros(seen.mask.shape)
    image[seen.mask] = seen.paint * shade_diffuse(seen.normals, lamp, AMBIENT)
    return quantise(average_samples(image, SAMPLES))


@lru_cache(1)
def surface_of(identity: int, azimuth: float, elevation: float) -> Seen:
    """What is seen of a head, which is the same in every light: the last one is kept."""
    return render_mesh(head_of(identity), Camera(azimuth, elevation, 5.2, 0.46, (0, 0, -0.12)), PIXELS * SAMPLES)


@lru_cache(1)
def head_of(identity: int) -> Mesh:
    """A head; the last one is kept."""
    return make_head(identity)
