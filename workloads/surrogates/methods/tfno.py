"""tfno: an FNO whose weights are a small core tensor times a matrix along each axis (Tucker's form; Kossaifi et al.
2024, arXiv:2310.00120).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from workloads.surrogates.methods.fno import Fno, FnoNetwork, FnoShape


class TuckerWeights(nn.Module):
    """Mixing of channels in each mode, (modes, before, 2 after), of a core and a matrix for each axis; all complex,
    stored as real and imaginary parts.
    """

    def __init__(self, modes: list[int], width: int, share: float) -> None:
        super().__init__()
        # In the order of SpectralWeights: the last axis's modes come first.
        self.sizes = (*reversed(modes), width, width)
        ranks = tucker_ranks(self.sizes, share)
        # The variance of what is put together is that of SpectralWeights: each factor's columns have a norm of 1 or so.
        self.core = nn.Parameter(torch.randn(*ranks, 2) / math.sqrt(2 * width))
        self.factors = nn.ParameterList(
            torch.randn(size, rank, 2) / math.sqrt(2 * rank) for size, rank in zip(self.sizes, ranks, strict=True)
        )

    def forward(self) -> Tensor:
        """The weights put together."""
        whole: Tensor = self.core
        for factor in self.factors:
            # Each round takes the first axis off and puts the whole one at the end.
            real = torch.tensordot(whole[..., 0], factor[..., 0], ([0], [1]))
            real = real - torch.tensordot(whole[..., 1], factor[..., 1], ([0], [1]))
            imaginary = torch.tensordot(whole[..., 0], factor[..., 1], ([0], [1]))
            imaginary = imaginary + torch.tensordot(whole[..., 1], factor[..., 0], ([0], [1]))
            whole = torch.stack((real, imaginary), -1)
        *modes, before, after = self.sizes
        return whole.view(math.prod(modes), before, after, 2).transpose(2, 3).reshape(-1, before, 2 * after)


def tucker_ranks(sizes: tuple[int, ...], share: float) -> tuple[int, ...]:
    """Sizes of a core with which core and matrices together have about a ``share`` of the whole tensor's numbers: all
    axes are lessened by one factor, which is found by halving.
    """
    low, high = 0.0, 1.0
    for _ in range(40):
        factor = (low + high) / 2
        ranks = [max(1, round(factor * size)) for size in sizes]
        kept = math.prod(ranks) + sum(size * rank for size, rank in zip(sizes, ranks, strict=True))
        low, high = (factor, high) if kept <= share * math.prod(sizes) else (low, factor)
    return tuple(max(1, round(low * size)) for size in sizes)


class Tfno(Fno):
    """With ``model.share`` of the spectral weights."""

    def network(self, inputs: int, outputs: int) -> nn.Module:
        """By the ``model`` settings."""
        share = float(self.settings["model"]["share"])

        def weights(shape: FnoShape) -> nn.Module:
            return TuckerWeights(shape.modes, shape.width, share)

        return FnoNetwork(inputs, outputs, self.shape, self.description["both_ends"], weights)
