"""Ways from a coarse image (n, 1, h, w) to a fine one (n, 1, s h, s w): interpolations, and what all networks share."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.super_resolution.resampling import resampling_weights


def interpolate(coarse: Tensor, scale: int, kernel: str) -> Tensor:
    """Return images (n, c, h, w) as (n, c, s h, s w), by a kernel of resampling.py or the "nearest" cell's value. In
    float32 at least, whatever networks are computed in: it is what they are compared with.
    """
    with torch.autocast(coarse.device.type, enabled=False):
        if kernel == "nearest":
            return functional.interpolate(coarse.float(), scale_factor=scale, mode="nearest")
        rows, columns = (
            torch.from_numpy(resampling_weights(size, scale * size, kernel).astype("float32")).to(coarse.device)
            for size in coarse.shape[-2:]
        )
        return rows @ coarse.float() @ columns.T


class Enlarger(nn.Module, ABC):
    """A model of one scale."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    @abstractmethod
    def forward(self, coarse: Tensor) -> Tensor:
        """The fine images (n, 1, s h, s w) of coarse ones."""

    def to_scale(self, coarse: Tensor, scale: int) -> Tensor:
        """Images at another scale: enlarged as often as needed, then averaged over the cells of that scale."""
        fine, reached = coarse, 1
        while reached < scale:
            fine, reached = self(fine), reached * self.scale
        return fine if reached == scale else functional.avg_pool2d(fine, reached // scale)


class Interpolation(Enlarger):
    """A kernel's interpolation, or the nearest cell's value. It learns nothing: ``offset`` is there for the optimiser,
    which needs something to hold, and its learning rate is 0.
    """

    def __init__(self, scale: int, kernel: str) -> None:
        super().__init__(scale)
        self.kernel = kernel
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, coarse: Tensor) -> Tensor:
        """The fine images."""
        return self.to_scale(coarse, self.scale)

    def to_scale(self, coarse: Tensor, scale: int) -> Tensor:
        """Kernels know any scale."""
        return interpolate(coarse, scale, self.kernel) + self.offset


class Framed(Enlarger):
    """A network between what can be known without it: ``standardise`` takes each coarse image's mean and deviation out
    and puts them back behind it, ``residual`` has it add to the bicubic image.
    """

    def __init__(self, network: nn.Module, scale: int, standardise: bool, residual: bool) -> None:
        super().__init__(scale)
        self.network, self.standardise, self.residual = network, standardise, residual

    def forward(self, coarse: Tensor) -> Tensor:
        """The fine images."""
        return self.framed(coarse, self.scale)

    def framed(self, coarse: Tensor, scale: int) -> Tensor:
        """The fine images at a scale that the network knows."""
        if not self.standardise:
            return self.made(coarse, scale)
        mean, deviation = moments(coarse)
        return mean + deviation * self.made((coarse - mean) / deviation, scale)

    def made(self, coarse: Tensor, scale: int) -> Tensor:
        """The network's own image, or what it adds to the bicubic one."""
        made: Tensor = self.network(coarse).float()
        return made + interpolate(coarse, scale, "bicubic") if self.residual else made


class Sharpened(Framed):
    """The same for a network that gets the bicubic image and gives one of that size: it knows any scale."""

    def to_scale(self, coarse: Tensor, scale: int) -> Tensor:
        """At once."""
        return self.framed(coarse, scale)

    def made(self, coarse: Tensor, scale: int) -> Tensor:
        """What the network makes of the bicubic image, or adds to it."""
        bicubic = interpolate(coarse, scale, "bicubic")
        made: Tensor = self.network(bicubic).float()
        return made + bicubic if self.residual else made


def moments(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each image, (n, 1, 1, 1); that of a constant image counts as a millionth."""
    deviation, mean = torch.std_mean(images.float(), dim=(1, 2, 3), keepdim=True)
    return mean, deviation.clamp_min(1e-6)


class ResidualBlock(nn.Module):
    """Two convolutions with an activation between them, whose result is added; without batch norm."""

    def __init__(self, width: int, activation: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), activation, nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Features with what the block adds."""
        summed: Tensor = features + self.layers(features)
        return summed
