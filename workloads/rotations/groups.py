"""Layers that are equivariant under turns and mirror images: regular group convolutions.

After Cohen and Welling, ICML 2016 (arXiv 1602.07576), and, for angles between the pixels, filters in a basis of rings
with angular frequencies after Weiler, Hamprecht and Storath, CVPR 2018 (arXiv 1711.07289). A layer's parameters are
the coefficients of its filters in a basis; turned filters are other sums of the same coefficients. The bases are
constants of a group and a size, kept beside the model: as buffers they would be averaged over ranks.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

RING_WIDTH = 0.6
"""Standard deviation of a ring across, pixels (Weiler et al. 2018)."""


LAYOUT = torch.channels_last
"""How filters, and so all maps, lie in memory: on processors pooling takes a third of the time then."""


@dataclass(frozen=True)
class Group:
    """C_N, the N turns of a circle, or D_N, these and their mirror images. An element is (k, m): mirrored if m, then
    turned by k · 360° / N against the clock; its number is k + N · m.
    """

    turns: int
    mirrors: bool

    @classmethod
    def named(cls, name: str) -> Group:
        """ "C4", "D8", …"""
        return cls(int(name[1:]), name[0] == "D")

    @property
    def order(self) -> int:
        """How many elements it has."""
        return self.turns * (2 if self.mirrors else 1)

    @property
    def elements(self) -> list[tuple[int, int]]:
        """The elements in the order of their numbers."""
        return [(k, m) for m in range(2 if self.mirrors else 1) for k in range(self.turns)]

    @property
    def exact(self) -> bool:
        """Whether all elements take pixels to pixels."""
        return 4 % self.turns == 0

    def relative(self) -> list[list[int]]:
        """The number of g⁻¹h by those of g (rows) and h."""
        return [[self._number(*self._quotient(g, h)) for h in self.elements] for g in self.elements]

    def _quotient(self, g: tuple[int, int], h: tuple[int, int]) -> tuple[int, int]:
        """g⁻¹h. A mirror image turns the other way: F R(k) = R(−k) F."""
        way = -1 if g[1] else 1
        return way * (h[0] - g[0]), g[1] ^ h[1]

    def _number(self, k: int, m: int) -> int:
        return k % self.turns + self.turns * m


@functools.cache
def filter_basis(group: Group, size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The basis filters under each element (|G|, K, size, size), of norm 1 in the mean over these: single pixels where
    the group is exact on them, else rings.
    """
    # Whoever asks first may be an evaluation, and a constant made in inference mode cannot be trained with.
    with torch.inference_mode(False):
        made = pixel_basis(group, size) if group.exact else ring_basis(group, size)
        return (made / made.square().sum((2, 3)).mean(0).sqrt()[:, None, None]).to(device, dtype)


def pixel_basis(group: Group, size: int) -> Tensor:
    """Every pixel by itself, (|G|, size², size, size)."""
    single = torch.eye(size * size, dtype=torch.float64).reshape(-1, size, size)
    return torch.stack(
        [torch.rot90(single.flip(2) if m else single, k * 4 // group.turns, (1, 2)) for k, m in group.elements]
    )


def ring_basis(group: Group, size: int) -> Tensor:
    """Rings about the middle, each times cos(fθ) or sin(fθ), (|G|, K, size, size).

    A ring of radius r has frequencies f up to 2r, which its pixels can tell apart.
    """
    place = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    column, row = place[None, :].expand(size, size), -place[:, None].expand(size, size)
    radius, theta = torch.hypot(column, row), torch.atan2(row, column)
    turned = []
    for k, m in group.elements:
        # What is found at θ came from there: turned back, then mirrored in the vertical.
        source = theta - 2 * math.pi * k / group.turns
        source = math.pi - source if m else source
        waves = []
        for ring in range((size + 1) // 2):
            across = torch.exp(-((radius - ring) ** 2) / (2 * RING_WIDTH**2))
            waves.append(across)
            for frequency in range(1, 2 * ring + 1):
                # A wave has no value in the middle, where it would be all of its values at once.
                away = across * (radius > 0)
                waves += [away * (frequency * source).cos(), away * (frequency * source).sin()]
        turned.append(torch.stack(waves))
    return torch.stack(turned)


class GroupConvolution(nn.Module):
    """A convolution from (n, fields · |H|, h, w) to (n, fields · |G|, h, w), H being the group or, for images, one
    element; a field's elements are neighbours. The size of images stays.
    """

    def __init__(self, group: Group, inputs: int, outputs: int, size: int, lifts: bool) -> None:
        super().__init__()
        self.group, self.size, self.lifts = group, size, lifts
        count = filter_basis(group, size, torch.device("cpu"), torch.float32).shape[1]
        seen = 1 if lifts else group.order
        self.weight = nn.Parameter(torch.randn(outputs, inputs, seen, count) * math.sqrt(2 / (inputs * seen * count)))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, maps: Tensor) -> Tensor:
        """The maps of the next layer."""
        group, weight = self.group, self.weight
        basis = filter_basis(group, self.size, weight.device, weight.dtype)
        if self.lifts:
            filters = torch.einsum("oihk,gkrc->ogihrc", weight, basis)
        else:
            # What element g sees of element h's maps depends on g⁻¹h alone.
            filters = torch.einsum("oighk,gkrc->ogihrc", weight[:, :, group.relative()], basis)
        # The bias of a field is that of all its elements; the convolution adds it at no cost.
        bias = self.bias.repeat_interleave(group.order)
        kernels = filters.flatten(0, 1).flatten(1, 2).contiguous(memory_format=LAYOUT)
        return functional.conv2d(maps, kernels, bias, padding=self.size // 2)


class GroupNetwork(nn.Module):
    """Scores (n, classes) of images (n, c, h, w) in [0, 1]: group convolutions, the mean over all places and elements
    of the last maps, and a linear layer. With C1 it is a plain convolutional network.
    """

    def __init__(
        self, group: Group, fields: list[int], kernels: list[int], halved_after: list[int], classes: int,
        channels: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        inputs = [channels, *fields[:-1]]
        self.layers = nn.ModuleList(
            GroupConvolution(group, before, after, size, lifts=number == 0)
            for number, (before, after, size) in enumerate(zip(inputs, fields, kernels, strict=True))
        )
        self.order, self.halved_after = group.order, frozenset(halved_after)
        self.classify = nn.Linear(fields[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Scores of each class."""
        maps = images
        for number, layer in enumerate(self.layers, start=1):
            maps = layer(maps).relu_()
            if number in self.halved_after:
                maps = halve(maps)
        # First over places: what is left to be sorted by element is small.
        scores: Tensor = self.classify(maps.mean((2, 3)).unflatten(1, (-1, self.order)).mean(2))
        return scores


def halve(maps: Tensor) -> Tensor:
    """Maps (n, c, h, w) at half the size: means of four pixels, which are the same whichever way an image is turned."""
    if maps.shape[2] % 2 or maps.shape[3] % 2:
        return functional.avg_pool2d(maps, 2)
    # Between four pixels a bilinear value is their mean, and is differentiated in half the time.
    return functional.interpolate(maps, scale_factor=0.5, mode="bilinear", align_corners=False)
