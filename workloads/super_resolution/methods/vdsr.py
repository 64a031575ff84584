"""vdsr: many convolutions that find what the bicubic image lacks (Kim et al. 2016, arXiv:1511.04587)."""

from __future__ import annotations

from torch import nn

from workloads.super_resolution.networks import Enlarger, Sharpened
from workloads.super_resolution.task import SuperResolutionTask


def build_vdsr(layers: int, width: int, channels: int = 1) -> nn.Sequential:
    """So many convolutions of 3 x 3; published: 20 of width 64, 665,921 parameters for one channel."""
    body: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
    for _ in range(layers - 2):
        body += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True)]
    network = nn.Sequential(*body, nn.Conv2d(width, channels, 3, padding=1))
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    return network


class Vdsr(SuperResolutionTask):
    """By the mean squared error."""

    def build_model(self) -> Enlarger:
        """With ``model.layers`` of ``model.width`` channels."""
        return Sharpened(build_vdsr(int(self.options["layers"]), int(self.options["width"])), self.scale, **self.frame)
