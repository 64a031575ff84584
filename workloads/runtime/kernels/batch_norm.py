"""Batch normalisation together with the operations that follow it: addition of a shortcut, and ReLU."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from workloads.runtime.kernels.library import load_kernels


class BatchNorm(nn.BatchNorm2d):
    """relu(batch_norm(x) + shortcut); without ``activate`` the normalisation alone.

    With ``kernels`` set, training in float32 on a processor in channels-last order passes through memory half as often
    as torch's separate operations. Those are used in all other cases.
    """

    kernels = False

    def __init__(self, features: int, activate: bool = True) -> None:
        super().__init__(features)
        self.activate = activate

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """Map (n, features, h, w) to the same shape; ``shortcut``, of that shape too, is added before the
        activation.
        """
        if self.kernels and self.training and can_use_kernels(x) and (shortcut is None or can_use_kernels(shortcut)):
            return self.normalise(x, shortcut)
        result = super().forward(x)
        if shortcut is not None:
            result = result + shortcut
        return torch.relu_(result) if self.activate else result

    def normalise(self, x: Tensor, shortcut: Tensor | None) -> Tensor:
        """Compute ``forward`` with the kernels, and update the running statistics as torch does."""
        result: Tensor
        result, mean, variance = Normalisation.apply(  # type: ignore[no-untyped-call]
            x, shortcut, self.weight, self.bias, self.eps, self.activate
        )
        update_statistics(self, mean, variance, x.numel() // x.shape[1])
        return result


def update_statistics(layer: nn.BatchNorm2d, mean: Tensor, variance: Tensor, pixels: int) -> None:
    """Take a batch's (features,) mean and biased variance over so many pixels into a layer's running ones, as torch."""
    # A layer that is made with torch's defaults has all of these.
    assert layer.running_mean is not None and layer.running_var is not None
    assert layer.num_batches_tracked is not None and layer.momentum is not None
    with torch.no_grad():
        layer.running_mean.lerp_(mean.float(), layer.momentum)
        layer.running_var.lerp_((variance * (pixels / (pixels - 1))).float(), layer.momentum)
        layer.num_batches_tracked.add_(1)


def can_use_kernels(x: Tensor) -> bool:
    """Whether the kernels accept an array of images, of more than one pixel."""
    return (
        x.dtype == torch.float32
        and x.device.type == "cpu"
        and x.is_contiguous(memory_format=torch.channels_last)
        and x.numel() > x.shape[1]
        and not torch.is_autocast_enabled("cpu")
    )


class Normalisation(torch.autograd.Function):
    """The kernels as an operation with gradients."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, shortcut: Tensor | None, gamma: Tensor, beta: Tensor, epsilon: float, activate: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the result, and the mean and biased variance of each channel in float64."""
        rows, channels = x.numel() // x.shape[1], x.shape[1]
        mean, variance = (torch.empty(channels, dtype=torch.float64) for _ in range(2))
        kernels = load_kernels()
        kernels.moments(pointer(x), size(rows), size(channels), pointer(mean), pointer(variance))
        deviation = (variance + epsilon).sqrt()
        scale = (gamma / deviation).float()
        offset = (beta - mean * gamma / deviation).float()
        result = torch.empty_like(x)
        kernels.normalise(
            pointer(x), pointer(shortcut), pointer(scale), pointer(offset), pointer(result),
            size(rows), size(channels), int(activate),
        )  # fmt: skip
        kept = result if shortcut is not None and activate else None
        context.save_for_backward(x, kept, gamma, scale, offset, mean, deviation)
        context.activate, context.has_shortcut = activate, shortcut is not None
        context.mark_non_differentiable(mean, variance)
        return result, mean, variance

    @staticmethod
    @once_differentiable
    def backward(context: Any, upstream: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, shortcut, gamma and beta."""
        x, result, gamma, scale, offset, mean, deviation = context.saved_tensors
        upstream = upstream.contiguous(memory_format=torch.channels_last)
        rows, channels = x.numel() // x.shape[1], x.shape[1]
        to_x, to_gamma, to_beta = torch.empty_like(x), torch.empty_like(gamma), torch.empty_like(gamma)
        # Without an activation the shortcut's gradient is the upstream one.
        masked = torch.empty_like(x) if result is not None else None
        load_kernels().gradients(
            pointer(upstream), pointer(x), pointer(result), pointer(scale), pointer(offset), pointer(mean),
            pointer(deviation), pointer(gamma), pointer(to_x), pointer(masked), pointer(to_gamma), pointer(to_beta),
            size(rows), size(channels), int(context.activate),
        )  # fmt: skip
        to_shortcut = masked if masked is not None else upstream if context.has_shortcut else None
        return to_x, to_shortcut, to_gamma, to_beta, None, None


size = ctypes.c_int64


def pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    """Return the address of a tensor's elements, null for None."""
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())
