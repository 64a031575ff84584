"""srcnn: three convolutions of the bicubic image (Dong et al. 2014, arXiv:1501.00092)."""

from __future__ import annotations

from torch import nn

from workloads.super_resolution.networks import Enlarger, Sharpened
from workloads.super_resolution.task import SuperResolutionTask


def build_srcnn(channels: int = 1) -> nn.Sequential:
    """Kernels of 9, 1 and 5: 8,129 parameters for one channel."""
    return nn.Sequential(
        nn.Conv2d(channels, 64, 9, padding=4), nn.ReLU(inplace=True),
        nn.Conv2d(64, 32, 1), nn.ReLU(inplace=True),
        nn.Conv2d(32, channels, 5, padding=2),
    )  # fmt: skip


class Srcnn(SuperResolutionTask):
    """By the mean squared error."""

    def build_model(self) -> Enlarger:
        """As published, in its frame."""
        return Sharpened(build_srcnn(), self.scale, **self.frame)
