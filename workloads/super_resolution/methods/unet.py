"""unet: a U-Net of the bicubic image whose convolutions treat the image's boundary in different ways
(stfc-sciml/DifferentialConv2d; arXiv:2309.06370).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.super_resolution.boundaries import BoundaryConvolution
from workloads.super_resolution.networks import Enlarger, Sharpened
from workloads.super_resolution.task import SuperResolutionTask


class Twice(nn.Sequential):
    """Two convolutions, tanh behind each."""

    def __init__(self, before: int, after: int, boundary: str) -> None:
        super().__init__(
            BoundaryConvolution(before, after, 3, boundary), nn.Tanh(),
            BoundaryConvolution(after, after, 3, boundary), nn.Tanh(),
        )  # fmt: skip


class UnetNetwork(nn.Module):
    """Down ``depth`` times to half the size and twice the ``width``, and up again; images of any size that has three
    cells left at the bottom.
    """

    def __init__(self, width: int, depth: int, boundary: str, channels: int = 1) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            Twice(before, after, boundary) for before, after in zip([channels, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(Twice(3 * after, after, boundary) for after in reversed(widths[:-1]))
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Images of the same size."""
        kept: list[Tensor] = []
        features = images
        for level, layers in enumerate(self.down):
            features = layers(functional.max_pool2d(features, 2) if level else features)
            kept.append(features)
        for layers, skipped in zip(self.up, reversed(kept[:-1]), strict=True):
            features = functional.interpolate(features, size=skipped.shape[-2:], mode="nearest")
            features = layers(torch.cat((features, skipped), dim=1))
        made: Tensor = self.out(features)
        return made


class Unet(SuperResolutionTask):
    """By the mean squared error, as published."""

    def build_model(self) -> Enlarger:
        """With ``model.boundary``."""
        options = self.options
        network = UnetNetwork(int(options["width"]), int(options["depth"]), str(options["boundary"]))
        return Sharpened(network, self.scale, **self.frame)
