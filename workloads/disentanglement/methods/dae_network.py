"""The network of the disentangling autoencoder (stfc-sciml/dae), layer by layer as published, and its own layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from workloads.disentanglement.networks import Frame, smallest
from workloads.disentanglement.normalisation import GlobalBatchNorm

HIDDEN = 64
"""Units between the convolutions and the codes."""
PUBLISHED_SIZE = 84
"""Height and width of the images that the published network is for."""
ALONE = 100.0
"""What stands for the distance to the nearest neighbour where there is none, as published."""


class Stretch(nn.Module):
    """Gives each code a range of its own: codes (n, d) from their least and greatest value in the global batch are
    stretched to beta … beta + alpha · gamma.

    ``alpha`` (d,) says how much each code matters, and is fixed; gamma and beta are learned. Running means of least
    value and range serve where nothing is trained.
    """

    MOMENTUM = 0.01

    alpha: Tensor
    moving_mag: Tensor
    moving_min: Tensor

    def __init__(self, alpha: Sequence[float]) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((len(alpha),), 0.01))
        self.beta = nn.Parameter(torch.full((len(alpha),), math.pi))
        self.register_buffer("alpha", torch.tensor(alpha))
        self.register_buffer("moving_mag", torch.ones(len(alpha)))
        self.register_buffer("moving_min", torch.full((len(alpha),), math.pi))

    def measure(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Least values and ranges (d,) of the global batch's codes (N, d), which the running means follow. A batch of
        one image has no range; then it is the running means.
        """
        if len(batch) < 2:
            return self.moving_min, self.moving_mag
        least, greatest = batch.amin(dim=0), batch.amax(dim=0)
        with torch.no_grad():
            self.moving_mag.lerp_(greatest - least, self.MOMENTUM)
            self.moving_min.lerp_(least, self.MOMENTUM)
        return least, greatest - least

    def forward(self, places: Tensor) -> Tensor:
        """Places (n, d) between the least value (0) and the greatest (1), stretched."""
        return places * self.gamma * self.alpha + self.beta


def neighbour_distances(codes: Tensor, batch: Tensor) -> Tensor:
    """The distance (n, d) of each code to its nearest neighbour among the global batch's (N, d), code by code. Equal
    values are no neighbours; a code with none has distance 100, as published.
    """
    distances = (codes[:, None] - batch[None]).abs()
    return distances.masked_fill_(distances == 0, ALONE).amin(dim=1)


def euler(codes: Tensor) -> Tensor:
    """Codes (n, d) as points on circles: (n, 2 d), cosine and sine of each in turn."""
    angles = 2 * math.pi * codes
    return torch.stack((angles.cos(), angles.sin()), dim=2).flatten(1)


class DisentanglingAutoencoder(nn.Module):
    """Images (n, c, h, w) to codes (n, d) to logits of the images: 61,046 parameters for three codes of 1 x 84 x 84
    pixels, as published.

    Other sizes have five convolutions (32, 32, 64, 64, 128 channels, stride 2), as a later use of the method on images
    of 64 x 64 pixels has them.
    """

    def __init__(self, image_shape: Sequence[int], alpha: Sequence[float]) -> None:
        super().__init__()
        channels, height, width = image_shape
        published = height == width == PUBLISHED_SIZE
        widths = (channels, 8, 16) if published else (channels, 32, 32, 64, 64, 128)
        kernel, stride = (10, 4) if published else (4, 2)
        # Four by four places are left of the published images.
        multiple = PUBLISHED_SIZE // 4 if published else 2 ** (len(widths) - 1)
        rows, columns = smallest(image_shape, multiple)
        flat = widths[-1] * rows * columns
        down: list[nn.Module] = []
        for before, after in pairwise(widths):
            down += [nn.Conv2d(before, after, kernel, stride, 1), GlobalBatchNorm(after), nn.LeakyReLU()]
        self.encoder = nn.Sequential(
            Frame(image_shape, True, multiple), *down, nn.Flatten(), nn.Linear(flat, HIDDEN),
            nn.Linear(HIDDEN, len(alpha)),
        )  # fmt: skip
        self.stretch = Stretch(alpha)
        up: list[nn.Module] = []
        for before, after in pairwise(widths[::-1]):
            up += [nn.ConvTranspose2d(before, after, kernel, stride, 1), GlobalBatchNorm(after), nn.LeakyReLU()]
        self.decoder = nn.Sequential(
            nn.Linear(2 * len(alpha), HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, flat), nn.LeakyReLU(),
            nn.Unflatten(1, (widths[-1], rows, columns)), *up, nn.Conv2d(channels, channels, 3, padding=1),
            Frame(image_shape, False, multiple),
        )  # fmt: skip
