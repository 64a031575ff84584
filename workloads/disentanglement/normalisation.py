"""Batch normalisation over the rows of all ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from workloads.runtime.task import alone


class GlobalBatchNorm(nn.Module):
    """Batch normalisation over the rows of all ranks (Ioffe and Szegedy 2015, arXiv:1502.03167), of (n, c) or
    (n, c, h, w): a training is then the same for any number of ranks. A rank that is alone has torch's.

    ``together`` is the step's, see ``share_batches``; momentum and eps are torch's.
    """

    MOMENTUM, EPS = 0.1, 1e-5

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.together: Callable[[Tensor], Tensor] = alone

    def forward(self, x: Tensor) -> Tensor:
        """The same shape; in training each channel has mean zero and variance one over the global batch, before weight
        and bias.
        """
        if not self.training or (self.together is alone and x.numel() > x.shape[1]):
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.MOMENTUM, self.EPS
            )
        with torch.no_grad():
            count, mean, variance = global_moments(x.to(self.weight.dtype), self.together)
            self.running_mean.lerp_(mean, self.MOMENTUM)
            self.running_var.lerp_(variance * count / (count - 1).clamp_min(1), self.MOMENTUM)
        normalised: Tensor = Normalise.apply(  # type: ignore[no-untyped-call]
            x, self.weight, self.bias, (count, mean, variance), self.EPS, self.together
        )
        return normalised


def global_moments(x: Tensor, together: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """How many values of a channel all ranks have, their mean (c,) and variance (c,), from this rank's (n, c, …)."""
    mean, variance = torch.batch_norm_update_stats(x, None, None, 0.0)
    own = torch.cat((mean.new_tensor([x.numel() / x.shape[1]]), mean, variance))
    counts, means, variances = together(own[None]).split((1, len(mean), len(mean)), dim=1)
    count = counts.sum()
    share = counts / count
    mean_of_all = (share * means).sum(0)
    return count, mean_of_all, (share * (variances + (means - mean_of_all).square())).sum(0)


class Normalise(torch.autograd.Function):
    """Batch normalisation by the moments of all ranks' rows, which depend on the rows themselves.

    Both directions are torch's kernels for given moments, one pass each. What the moments add to the gradient of a row
    x of channel c, with g the gradients of the outputs y and N the count, is -(w / s) (sum g + y' sum g y') / N, where
    y' is x normalised and s the deviation: linear in x, so one pass more. The sums are over all ranks.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        moments: tuple[Tensor, Tensor, Tensor],
        eps: float,
        together: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """(n, c, …) of the same type."""
        count, mean, variance = moments
        ctx.save_for_backward(x, weight, count, mean, variance)
        ctx.eps, ctx.together = eps, together
        return functional.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of this rank's rows, of all ranks' losses; of weight and bias, of this rank's."""
        x, weight, count, mean, variance = ctx.saved_tensors
        rows, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        by_weight, by_bias = ctx.together(torch.stack((of_weight, of_bias))[None]).sum(0) / count
        inverse = (variance + ctx.eps).rsqrt()
        slope = -weight * inverse.square() * by_weight
        offset = -weight * inverse * by_bias - slope * mean
        channels = (1, -1, *[1] * (x.dim() - 2))
        rows.addcmul_(x, slope.view(channels).to(x.dtype)).add_(offset.view(channels).to(x.dtype))
        return rows, of_weight, of_bias, None, None, None


def share_batches(model: nn.Module, together: Callable[[Tensor], Tensor]) -> None:
    """Have a model's batch normalisations gather their rows by a step's ``together``."""
    for module in model.modules():
        if isinstance(module, GlobalBatchNorm):
            module.together = together
