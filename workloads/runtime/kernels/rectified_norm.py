"""ReLU and the batch normalisation behind it as one layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from workloads.runtime.kernels.batch_norm import pointer, size, update_statistics
from workloads.runtime.kernels.library import load_kernels

LANES = 64
"""As in batch_norm.cpp."""


class RectifiedNorm(nn.BatchNorm2d):
    """batch_norm(relu(x)); ``x`` may be overwritten.

    With ``kernels`` set, training in bfloat16 on a processor in channels-last order goes through memory eight times
    where torch's separate operations do thirteen times. Those are used in all other cases.
    """

    kernels = False

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, features, h, w) to the same shape."""
        if self.kernels and self.training and can_rectify(x):
            result: Tensor
            result, mean, variance = RectifiedNormalisation.apply(  # type: ignore[no-untyped-call]
                x, self.weight, self.bias, self.eps
            )
            update_statistics(self, mean, variance, x.numel() // x.shape[1])
            return result
        return super().forward(torch.relu_(x))


def can_rectify(x: Tensor) -> bool:
    """Whether the kernels accept an array of images: whole rows of LANES numbers, of more than one pixel."""
    return (
        x.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and x.is_contiguous(memory_format=torch.channels_last)
        and LANES % x.shape[1] == 0
        and x.numel() % LANES == 0
        and x.numel() > x.shape[1]
    )


class RectifiedNormalisation(torch.autograd.Function):
    """The kernels as an operation with gradients."""

    @staticmethod
    def forward(context: Any, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return the result, and the mean and biased variance of each channel of relu(x) in float64."""
        channels = x.shape[1]
        mean, variance = (torch.empty(channels, dtype=torch.float64) for _ in range(2))
        kernels = load_kernels()
        kernels.rectified_moments(pointer(x), size(x.numel()), size(channels), pointer(mean), pointer(variance))
        deviation = (variance + epsilon).sqrt()
        scale = (gamma / deviation).float()
        offset = (beta - mean * gamma / deviation).float()
        result = torch.empty_like(x)
        kernels.normalise_rectified(
            pointer(x), pointer(scale), pointer(offset), pointer(result), size(x.numel()), size(channels)
        )
        context.save_for_backward(x, gamma, mean, deviation)
        context.mark_non_differentiable(mean, variance)
        return result, mean, variance

    @staticmethod
    @once_differentiable
    def backward(context: Any, upstream: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, gamma and beta."""
        x, gamma, mean, deviation = context.saved_tensors
        upstream = upstream.contiguous(memory_format=torch.channels_last)
        to_x, to_gamma, to_beta = torch.empty_like(x), torch.empty_like(gamma), torch.empty_like(gamma)
        load_kernels().rectified_gradients(
            pointer(upstream), pointer(x), pointer(mean), pointer(deviation), pointer(gamma), pointer(to_x),
            pointer(to_gamma), pointer(to_beta), size(x.numel()), size(x.shape[1]),
        )  # fmt: skip
        return to_x, to_gamma, to_beta, None
