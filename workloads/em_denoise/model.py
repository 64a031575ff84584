"""The published denoiser: a small U-Net (Ronneberger et al., MICCAI 2015, arXiv:1505.04597)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workloads.runtime.kernels import RectifiedNorm

WIDTHS = (8, 16, 32, 64)
"""Channels of the four levels, as published: 122,737 parameters in all."""


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    """Twice a 3 x 3 convolution, ReLU and batch normalisation, in the published order. The latter two are one layer,
    which stands where the normalisation alone does in the published code, so that weights have the same names.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.Identity(), RectifiedNorm(outputs),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.Identity(), RectifiedNorm(outputs),
    )  # fmt: skip


class Denoiser(nn.Module):
    """Images (n, 1, h, w) to images of the same shape; h and w are multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (1, *WIDTHS[:-1])
        self.down = nn.ModuleList(_pair(before, width) for before, width in zip(inputs, WIDTHS, strict=True))
        self.up = nn.ModuleList(
            _pair(below + width, width) for below, width in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True)
        )
        self.pool = nn.MaxPool2d(2)
        self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.head = nn.Conv2d(WIDTHS[0], 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """The denoised images."""
        skipped: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(self.pool(x) if level else x)
            skipped.append(x)
        skipped.pop()
        for block in self.up:
            x = block(torch.cat((self.enlarge(x), skipped.pop()), dim=1))
        result: Tensor = self.head(x)
        return result
