"""unet: a U-Net of convolutions, which sees what lies near each point (Ronneberger et al. 2015, arXiv:1505.04597)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.surrogates.networks import coordinates
from workloads.surrogates.task import FieldTask

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d}
POOLS = {1: functional.avg_pool1d, 2: functional.avg_pool2d}


class Twice(nn.Sequential):
    """Two convolutions, GELU behind each; beyond the edges a periodic field goes on, and of another one nothing is."""

    def __init__(self, axes: int, before: int, after: int, periodic: bool) -> None:
        edge: Literal["circular", "zeros"] = "circular" if periodic else "zeros"

        def convolution(channels: int) -> nn.Module:
            return CONVOLUTIONS[axes](channels, after, 3, padding=1, padding_mode=edge)

        super().__init__(convolution(before), nn.GELU(), convolution(after), nn.GELU())


class UnetNetwork(nn.Module):
    """Down ``depth`` times to half the points and twice the ``width``, and up again: any grid of 2^depth points."""

    def __init__(
        self, axes: int, inputs: int, outputs: int, width: int, depth: int, periodic: bool, both_ends: bool
    ) -> None:
        super().__init__()
        self.axes, self.depth, self.both_ends = axes, depth, both_ends
        widths = [width * 2**level for level in range(depth + 1)]
        channels = zip([inputs + axes, *widths], widths, strict=False)
        self.down = nn.ModuleList(Twice(axes, before, after, periodic) for before, after in channels)
        self.up = nn.ModuleList(Twice(axes, 3 * after, after, periodic) for after in reversed(widths[:-1]))
        self.out = CONVOLUTIONS[axes](width, outputs, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Fields of the target's channels on the same grid. Raises ValueError for one too coarse."""
        points = tuple(inputs.shape[2:])
        if min(points) < 2**self.depth:
            raise ValueError(f"a grid of {points} points cannot be halved benchmark.model.depth={self.depth} times")
        place = coordinates(points, self.both_ends, inputs).expand(len(inputs), *(-1,) * (len(points) + 1))
        features, kept = torch.cat((inputs, place), 1), list[Tensor]()
        for level, layers in enumerate(self.down):
            features = layers(POOLS[self.axes](features, 2) if level else features)
            kept.append(features)
        for layers, skipped in zip(self.up, reversed(kept[:-1]), strict=True):
            features = functional.interpolate(features, size=skipped.shape[2:], mode="nearest")
            features = layers(torch.cat((features, skipped), 1))
        made: Tensor = self.out(features)
        return made


class Unet(FieldTask):
    """With ``model.width`` channels at full resolution."""

    def network(self, inputs: int, outputs: int) -> nn.Module:
        """By the ``model`` settings."""
        options, facts = self.settings["model"], self.description
        return UnetNetwork(
            len(self.points), inputs, outputs, int(options["width"]), int(options["depth"]),
            facts["periodic"], facts["both_ends"],
        )  # fmt: skip
