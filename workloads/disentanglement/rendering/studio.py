"""A glossy object before an even ground, with one lamp that goes with the camera."""

from __future__ import annotations

import numpy as np

from workloads.disentanglement.rendering.camera import Camera
from workloads.disentanglement.rendering.mesh import Floats, unit
from workloads.disentanglement.rendering.rasteriser import Seen
from workloads.disentanglement.rendering.shading import average_samples, shade_diffuse, shade_highlight

LAMP = (-0.5, 0.9, 0.6)
"""Where the lamp is: to the right, up, and towards the camera."""
AMBIENT, NEUTRAL, GLOSS, SHARPNESS = 0.25, 0.3, 0.35, 30.0
"""Brightness in the shade, of parts without the object's colour, of the lamp's mirror image; and how small that is."""


def layers_of(seen: Seen, camera: Camera, samples: int) -> Floats:
    """Layers (3, h, w) of white, of the ground, and of the object's colour, from ``samples`` ² samples a pixel."""
    lamp = unit((np.array(LAMP)[:, None] * camera.axes).sum(0))
    diffuse = shade_diffuse(seen.normals, lamp, AMBIENT)
    glossy = shade_highlight(seen.normals, lamp, camera.axes[2], SHARPNESS)
    layers = np.zeros((3, *seen.mask.shape))
    layers[0][seen.mask] = NEUTRAL * diffuse * (1 - seen.paint) + GLOSS * glossy
    layers[1][~seen.mask] = 1
    layers[2][seen.mask] = diffuse * seen.paint
    return np.stack([average_samples(layer, samples) for layer in layers])
