"""Images turned by an angle, and the disc that is seen of each whatever its angle."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

ANGLES = tuple(15.0 * number for number in range(24))
"""Degrees, against the clock, at which quality is measured."""
QUARTER = 90.0


def turn(images: Tensor, degrees: float) -> Tensor:
    """Images (n, c, h, w), square, turned against the clock about their middle; what was outside is 0.

    Quarters are exact; other angles are interpolated bilinearly.
    """
    if degrees % QUARTER == 0:
        return torch.rot90(images, round(degrees / QUARTER), (2, 3))
    return turn_each(images, images.new_full((len(images),), degrees))


def turn_each(images: Tensor, degrees: Tensor) -> Tensor:
    """Each image (n, c, h, w), square, by its own angle (n,), bilinearly."""
    radians = degrees.to(images.dtype) * (math.pi / 180)
    cosine, sine, zero = radians.cos(), radians.sin(), torch.zeros_like(radians)
    # From a place in the turned image to that in the given one: columns to the right, rows downwards.
    places = torch.stack((cosine, -sine, zero, sine, cosine, zero), dim=1).reshape(-1, 2, 3)
    grid = functional.affine_grid(places, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


def see_disc(images: Tensor) -> Tensor:
    """The images without what lies outside the largest disc: corners would tell the angle."""
    return images * disc(images.shape[-1], images.device, images.dtype)


def disc(pixels: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """1 within the largest disc of an image (h, w) and 0 outside, by the pixels' middles.

    It is made anew each time, in no time: one that was made while only shapes are followed would be of no use later.
    """
    place = torch.arange(pixels, device=device, dtype=dtype) - (pixels - 1) / 2
    return (place.square()[:, None] + place.square() <= (pixels / 2) ** 2).to(dtype)


def turns_of(count: int) -> Sequence[float]:
    """So many angles around the circle, degrees, equally far apart, from 0."""
    return [360.0 * number / count for number in range(count)]
