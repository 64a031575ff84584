"""Images set upright: turned so that what they show stands, whichever way it lay."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from workloads.rotations.turning import disc, turn_each

AT_ONCE = 500
"""Images that are turned at a time."""


def set_upright(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images (n, c, h, w) turned about their middle, bilinearly: the long axis is vertical, the heavier end above."""
    turned = np.empty_like(images)
    for start in range(0, len(images), AT_ONCE):
        some = torch.from_numpy(images[start : start + AT_ONCE]).float()
        levels = turn_each(some, lying_angles(some)).round().clamp(0, 255)
        turned[start : start + AT_ONCE] = levels.to(torch.uint8).numpy()
    return turned


def lying_angles(images: torch.Tensor) -> torch.Tensor:
    """By how many degrees against the clock each image (n, c, h, w) must be turned to stand upright, (n,).

    The axis is that of the second moments of brightness squared, which weighs noise less, within the disc; which end
    is up is told by the sign of the third moment along it.
    """
    pixels = images.shape[-1]
    weights = (images.mean(1) * disc(pixels, images.device, images.dtype)).square().double()
    weights = weights / weights.sum((1, 2), keepdim=True).clamp_min(1e-12)
    place = torch.arange(pixels, dtype=torch.float64) - (pixels - 1) / 2
    right, up = place[None, None, :].expand_as(weights), -place[None, :, None].expand_as(weights)
    across = right - (weights * right).sum((1, 2), keepdim=True)
    along = up - (weights * up).sum((1, 2), keepdim=True)
    wide, tall = (weights * across.square()).sum((1, 2)), (weights * along.square()).sum((1, 2))
    mixed = (weights * across * along).sum((1, 2))
    axis = 0.5 * torch.atan2(2 * mixed, wide - tall)
    # The places along the axis: brightness has its longer tail at the lighter end.
    places = across * axis.cos()[:, None, None] + along * axis.sin()[:, None, None]
    tail = (weights * places**3).sum((1, 2))
    axis = torch.where(tail > 0, axis + torch.pi, axis)
    return 90 - torch.rad2deg(axis)
