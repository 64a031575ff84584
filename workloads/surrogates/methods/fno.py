"""fno: the Fourier neural operator (Li et al. 2021, arXiv:2010.08895), and as neuraloperator has it since."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.surrogates.methods.spectral import SpectralConvolution, SpectralWeights, Transforms
from workloads.surrogates.networks import coordinates
from workloads.surrogates.task import FieldTask

PUBLISHED = {"burgers": (16, 64), "darcy": (12, 32), "navier_stokes": (12, 20)}
"""Frequencies and channels of Li et al. 2021, by data set."""


@dataclass(frozen=True)
class FnoShape:
    """What an FNO is built by: see fno_config.py."""

    modes: list[int]
    width: int
    layers: int
    lifting: int
    projection: int
    channel_mlp: int
    padding: float


def two_layers(before: int, hidden: int, after: int) -> nn.Module:
    """A linear layer at every point, or two with ``hidden`` channels between."""
    if not hidden:
        return nn.Linear(before, after)
    return nn.Sequential(nn.Linear(before, hidden), nn.GELU(), nn.Linear(hidden, after))


class FourierBlock(nn.Module):
    """A spectral convolution beside a linear layer at every point; with ``channel_mlp``, two more behind, and a
    shortcut around all with a factor for each channel.
    """

    def __init__(self, shape: FnoShape, weights: nn.Module, last: bool) -> None:
        super().__init__()
        self.last = last
        self.spectral = SpectralConvolution(weights)
        self.skip = nn.Linear(shape.width, shape.width)
        self.mlp = two_layers(shape.width, shape.channel_mlp, shape.width) if shape.channel_mlp else None
        self.gate = nn.Parameter(torch.ones(shape.width)) if shape.channel_mlp else None

    def forward(self, fields: Tensor, transforms: Transforms) -> Tensor:
        """Fields (…, n, width)."""
        made: Tensor = self.spectral(fields, transforms) + self.skip(fields)
        if not self.last:
            made = functional.gelu(made)
        if self.mlp is not None and self.gate is not None:
            made = torch.addcmul(self.mlp(made), fields, self.gate)
            if not self.last:
                made = functional.gelu(made)
        return made


def dense_weights(shape: FnoShape) -> nn.Module:
    """A weight for each pair of channels in each mode."""
    return SpectralWeights(shape.width, shape.width, math.prod(shape.modes))


class FnoNetwork(nn.Module):
    """Fields (n, c, *points) on any grid that can hold the modes. ``weights`` makes what mixes channels in a block."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        shape: FnoShape,
        both_ends: bool,
        weights: Callable[[FnoShape], nn.Module] = dense_weights,
    ) -> None:
        super().__init__()
        self.both_ends, self.padding = both_ends, shape.padding
        self.modes = shape.modes
        self.lift = two_layers(inputs + len(shape.modes), shape.lifting, shape.width)
        self.blocks = nn.ModuleList(
            FourierBlock(shape, weights(shape), layer == shape.layers - 1) for layer in range(shape.layers)
        )
        self.project = two_layers(shape.width, shape.projection, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Fields of the target's channels on the same grid."""
        points = tuple(inputs.shape[2:])
        place = coordinates(points, self.both_ends, inputs).expand(len(inputs), *(-1,) * (len(points) + 1))
        fields = self.lift(points_first(torch.cat((inputs, place), 1)))
        if self.padding:
            fields = functional.pad(
                fields, (0, 0, 0, 0, *(end for n in points for end in (0, round(self.padding * n))))
            )
        transforms = Transforms.of(self.modes, tuple(reversed(fields.shape[:-2])), fields)
        for block in self.blocks:
            fields = block(fields, transforms)
        if self.padding:
            fields = fields[tuple(slice(n) for n in reversed(points))]
        made: Tensor = self.project(fields)
        return samples_first(made)


def points_first(fields: Tensor) -> Tensor:
    """(n, c, x, y) to (y, x, n, c)."""
    return fields.permute(*reversed(range(2, fields.ndim)), 0, 1).contiguous()


def samples_first(fields: Tensor) -> Tensor:
    """(y, x, n, c) to (n, c, x, y)."""
    axes = fields.ndim - 2
    return fields.permute(axes, axes + 1, *reversed(range(axes))).contiguous()


class Fno(FieldTask):
    """With the modes of ``model.modes`` along each axis."""

    def network(self, inputs: int, outputs: int) -> nn.Module:
        """By the ``model`` settings."""
        return FnoNetwork(inputs, outputs, self.shape, self.description["both_ends"])

    @property
    def shape(self) -> FnoShape:
        """What the ``model`` settings say."""
        options = self.settings["model"]
        axes = len(self.points)
        modes, width = PUBLISHED[self.description["set"]]
        columns = int(options["modes"] or modes)
        rows = int(options["rows"] or 2 * columns)
        return FnoShape(
            modes=[*[rows] * (axes - 1), columns],
            width=int(options["width"] or width),
            layers=int(options["layers"]),
            lifting=int(options["lifting"]),
            projection=int(options["projection"]),
            channel_mlp=int(options["channel_mlp"]),
            padding=0.0 if self.description["periodic"] else float(options["padding"]),
        )
