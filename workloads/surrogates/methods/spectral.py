"""Convolution by a few Fourier modes, as products of real matrices.

Fields lie in memory as (y, x, n, c) or (x, n, c): points first, channels last. Each transform to or from the kept modes
is then one product with a small matrix, each mode's mixing of channels is one of a batch of products, and a linear
layer at every point is one product too. No complex number is stored: gradients of real weights can be summed by every
communicator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workloads.surrogates.networks import wide_type


class SpectralWeights(nn.Module):
    """Mixing of channels in each mode: (modes, before, 2 after), real parts beside imaginary ones."""

    def __init__(self, before: int, after: int, modes: int) -> None:
        super().__init__()
        # As much variance comes out as goes in; both parts of a complex number have half of it.
        deviation = math.sqrt(2 / (before + after)) / math.sqrt(2)
        self.weight = nn.Parameter(deviation * torch.randn(modes, before, 2 * after))

    def forward(self) -> Tensor:
        """The weights."""
        return self.weight


@dataclass(frozen=True)
class Transforms:
    """Matrices from a grid's points to the kept modes and back: along the last axis, and along the one before if there
    is one.
    """

    modes: list[int]
    half: tuple[Tensor, Tensor]
    full: tuple[Tensor, Tensor] | None

    @classmethod
    def of(cls, modes: list[int], points: tuple[int, ...], like: Tensor) -> Transforms:
        """Those for fields (n, c, *points). Raises ValueError for a grid that cannot hold the modes.

        They are made anew for each batch: a matrix that was made while gradients were off, or while only shapes are
        followed, would be of no use later.
        """
        require_grid(modes, points)
        dtype = wide_type(like)
        half = half_transform(points[-1], modes[-1], like.device, dtype)
        full = full_transform(points[0], modes[0], like.device, dtype) if len(points) == 2 else None
        return cls(modes, half, full)


class SpectralConvolution(nn.Module):
    """The kept modes of a field, each with its channels mixed.

    ``modes`` is [columns] or [rows, columns]: along the last axis the frequencies 0 … columns - 1, and along the one
    before -rows/2 … rows/2 - 1, as many as there are complex weights.
    """

    def __init__(self, weights: nn.Module) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, fields: Tensor, transforms: Transforms) -> Tensor:
        """Fields (y, x, n, c') or (x, n, c') of fields (…, c), in single precision at least: matrices of sines in
        bfloat16 are no Fourier transform by 0.3 %.
        """
        with torch.autocast(fields.device.type, enabled=False):
            return self._forward(fields.to(wide_type(fields)), transforms)

    def _forward(self, fields: Tensor, transforms: Transforms) -> Tensor:
        *points, count, channels = fields.shape
        last = transforms.modes[-1]
        analysis, synthesis = transforms.half
        modes = analysis @ fields.reshape(points[0], -1)
        if transforms.full is not None:
            modes = transforms.full[0] @ modes.view(last, 2 * points[1], count * channels)
        mixed = mix_modes(modes.view(-1, 2 * count, channels), self.weights())
        after = mixed.shape[-1]
        if transforms.full is not None:
            mixed = transforms.full[1] @ mixed.view(last, 2 * transforms.modes[0], count * after)
        made: Tensor = (synthesis @ mixed.reshape(2 * last, -1)).view(*points, count, after)
        return made


def mix_modes(modes: Tensor, weights: Tensor) -> Tensor:
    """Complex products (m, 2, n, d) of modes (m, 2 n, c), real parts first, with weights (m, c, 2 d)."""
    count, after = modes.shape[1] // 2, weights.shape[2] // 2
    parts = torch.bmm(modes, weights).view(-1, 2, count, 2, after)
    real = parts[:, 0, :, 0] - parts[:, 1, :, 1]
    imaginary = parts[:, 0, :, 1] + parts[:, 1, :, 0]
    return torch.stack((real, imaginary), 1)


def require_grid(modes: list[int], points: tuple[int, ...]) -> None:
    """Raise ValueError unless a grid of so many points along each axis can hold the modes."""
    least = (*modes[:-1], 2 * (modes[-1] - 1))
    if len(points) != len(least) or any(have < need for have, need in zip(points, least, strict=True)):
        raise ValueError(
            f"a grid of {' x '.join(map(str, points))} points cannot hold benchmark.model.modes={modes}; it takes "
            f"{' x '.join(map(str, least))} points, or take fewer modes"
        )


def half_transform(points: int, modes: int, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Matrices to the modes 0 … modes - 1 of a real field, (2 modes, points), real and imaginary parts in turn, and
    back.

    On the way back every mode but 0 and the highest that the grid has stands for its conjugate, too.
    """
    angles = _angles(torch.arange(modes), points)
    forth = torch.stack((angles.cos(), -angles.sin()), 1).reshape(2 * modes, points) / points
    twice = torch.full((modes, 1), 2.0, dtype=torch.float64)
    twice[0] = 1.0
    if 2 * (modes - 1) == points:
        twice[-1] = 1.0
    back = torch.stack((twice * angles.cos(), -twice * angles.sin()), 1).reshape(2 * modes, points).T
    return forth.to(device, dtype), back.contiguous().to(device, dtype)


def full_transform(points: int, modes: int, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Matrices to the modes -modes/2 … modes/2 - 1 of a complex field, (2 modes, 2 points), and back.

    Of the points all real parts come first, then all imaginary ones; of the modes they come in turn.
    """
    angles = _angles(torch.arange(modes) - modes // 2, points)
    cosine, sine = angles.cos(), angles.sin()
    forth = torch.stack((torch.cat((cosine, sine), 1), torch.cat((-sine, cosine), 1)), 1) / points
    back = torch.cat((torch.stack((cosine, -sine), 1), torch.stack((sine, cosine), 1)), 2)
    return (
        forth.reshape(2 * modes, 2 * points).to(device, dtype),
        back.reshape(2 * modes, 2 * points).T.contiguous().to(device, dtype),
    )


def _angles(frequencies: Tensor, points: int) -> Tensor:
    return 2 * torch.pi / points * frequencies.double()[:, None] * torch.arange(points, dtype=torch.float64)
