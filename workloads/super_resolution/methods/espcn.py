"""espcn: convolutions of coarse cells, whose channels are then fine ones (Shi et al. 2016, arXiv:1609.05158)."""

from __future__ import annotations

from torch import nn

from workloads.super_resolution.networks import Enlarger, Framed
from workloads.super_resolution.task import SuperResolutionTask


def build_espcn(scale: int, channels: int = 1) -> nn.Sequential:
    """Kernels of 5, 3 and 3: 21,284 parameters for one channel and a scale of 2."""
    return nn.Sequential(
        nn.Conv2d(channels, 64, 5, padding=2), nn.Tanh(),
        nn.Conv2d(64, 32, 3, padding=1), nn.Tanh(),
        nn.Conv2d(32, channels * scale**2, 3, padding=1), nn.PixelShuffle(scale),
    )  # fmt: skip


class Espcn(SuperResolutionTask):
    """By the mean squared error."""

    def build_model(self) -> Enlarger:
        """As published, in its frame."""
        return Framed(build_espcn(self.scale), self.scale, **self.frame)
