"""Light on a surface, colours, and the step from many samples of a pixel to one value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workloads.disentanglement.rendering.mesh import Floats


def shade_diffuse(normals: Floats, light: Floats, ambient: float) -> Floats:
    """Brightness (...) of a matt surface by Lambert's law: 1 where it faces the light, ``ambient`` where it is turned
    away. ``normals`` (..., 3) and ``light`` (3,), the direction to it, are unit vectors.
    """
    facing = np.maximum((normals * light).sum(-1), 0.0)
    brightness: Floats = ambient + (1 - ambient) * facing
    return brightness


def shade_highlight(normals: Floats, light: Floats, towards: Floats, sharpness: float) -> Floats:
    """Brightness (...) of a mirror image of the light, from 0 to 1 (Blinn 1977). ``towards`` (3,) or (..., 3) are unit
    vectors to the viewer.
    """
    middle = light + towards
    middle = middle / np.sqrt((middle * middle).sum(-1, keepdims=True))
    glossy: Floats = np.maximum((normals * middle).sum(-1), 0.0) ** sharpness
    return glossy


def pure_hue(hue: float | Floats) -> Floats:
    """The fully saturated, bright colour (..., 3) of a hue from 0 (red) by 1/3 (green) and 2/3 (blue) to 1 (red)."""
    sixth = np.mod(6 * np.asarray(hue, np.float64)[..., None] + np.array([5.0, 3.0, 1.0]), 6.0)
    channels: Floats = 1 - np.clip(np.minimum(sixth, 4 - sixth), 0.0, 1.0)
    return channels


def tinted(hue: float | Floats, saturation: float, value: float) -> Floats:
    """The colour (..., 3) of a hue, a saturation and a value (the HSV model)."""
    colour: Floats = value * (1 - saturation * (1 - pure_hue(hue)))
    return colour


def average_samples(samples: Floats, factor: int) -> Floats:
    """The mean over each square of ``factor`` × ``factor`` samples: (h · factor, w · factor, ...) to (h, w, ...)."""
    rows, columns = samples.shape[0] // factor, samples.shape[1] // factor
    squares = samples.reshape(rows, factor, columns, factor, *samples.shape[2:])
    means: Floats = squares.mean(axis=(1, 3))
    return means


def blend_layers(layers: Floats, colours: Floats) -> NDArray[np.uint8]:
    """An image (h, w, 3) of layers (K, h, w), each of a colour (K, 3): their sum, from 0 to 1, in steps of 1/255.

    Brightness is linear in the colours, so that objects of one form and many colours need be rendered once.
    """
    image = np.zeros((*layers.shape[1:], colours.shape[1]))
    # Summed in this order, and by no library, so that it comes out the same everywhere.
    for layer, colour in zip(layers, colours, strict=True):
        image += layer[..., None] * colour
    return quantise(image)


def quantise(image: Floats) -> NDArray[np.uint8]:
    """Values from 0 to 1 as the nearest of 256 levels; beyond that, the first or the last."""
    return np.rint(np.clip(image, 0.0, 1.0) * 255).astype(np.uint8)
