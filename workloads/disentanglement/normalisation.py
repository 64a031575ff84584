"""Batch normalisation over the rows of all ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from workloads.runtime.task import own_sums

Sums = npt.NDArray[np.float64]
AddUp = Callable[[Sums], Sums]

NARROW = range(2, 8)
"""So few channels, last in memory, are rows too short for torch's kernels: see ``NormaliseNarrow``."""


class GlobalBatchNorm(nn.Module):
    """Batch normalisation over the rows of all ranks (Ioffe and Szegedy 2015, arXiv:1502.03167), of (n, c) or
    (n, c, h, w): a training is then the same for any number of ranks.

    ``add_up`` is the step's, see ``share_batches``; momentum and eps are torch's.
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
        self.add_up: AddUp = own_sums

    def forward(self, x: Tensor) -> Tensor:
        """The same shape; in training each channel has mean zero and variance one over the global batch, before weight
        and bias.
        """
        narrow, alone = is_narrow(x), self.add_up is own_sums and x.numel() > x.shape[1]
        if not self.training or (alone and not narrow):
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.MOMENTUM, self.EPS
            )
        normalised: Tensor
        normalised, mean, variance = (NormaliseNarrow if narrow else Normalise).apply(  # type: ignore[no-untyped-call]
            x, self.weight, self.bias, self.EPS, self.add_up
        )
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.MOMENTUM)
            self.running_var.lerp_(variance, self.MOMENTUM)
        return normalised


def is_narrow(x: Tensor) -> bool:
    """Whether these are images (n, c, h, w) that ``NormaliseNarrow`` is for: with values, unlike the tensors that a
    step's arithmetic is counted with.
    """
    return (
        type(x) is Tensor
        and x.dim() == 4
        and x.shape[1] in NARROW
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def global_moments(count: int, mean: Sums, variance: Sums, add_up: AddUp) -> tuple[float, Sums, Sums]:
    """How many values of a channel all ranks have, their mean (c,) and variance (c,), from those of this rank.

    Sums of squares in float64 lose nothing that float32 had: its moments have half as many digits.
    """
    total = add_up(np.concatenate(([count], count * mean, count * (variance + mean * mean))))
    mean, square = np.split(total[1:] / total[0], 2)
    return float(total[0]), mean, np.maximum(square - mean * mean, 0.0)


def through_moments(of_weight: Sums, of_bias: Sums, count: float, scale: Sums, add_up: AddUp) -> tuple[Sums, Sums]:
    """What the moments' dependence on the rows adds to a row's gradient: slope (c,) and offset (c,) in y, the row
    normalised.

    With g the gradients of the outputs, N the count and sums over all ranks, it is -scale (y sum(g y) + sum(g)) / N.
    This rank's sums are the gradients of weight and bias.
    """
    by_weight, by_bias = np.split(add_up(np.concatenate((of_weight, of_bias))) * (-1 / count), 2)
    return scale * by_weight, scale * by_bias


class Normalise(torch.autograd.Function):
    """Batch normalisation by the moments of all ranks' rows, which depend on the rows themselves.

    Both directions are torch's kernels for given moments, one pass each. What the moments add to a row's gradient is
    linear in the row: one pass more.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, add_up: AddUp
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(n, c, …) of the same type; the mean (c,) and the unbiased variance (c,) of all ranks' rows."""
        moments = torch.batch_norm_update_stats(x.to(weight.dtype), None, None, 0.0)
        own_mean, own_variance = (moment.double().cpu().numpy() for moment in moments)
        count, of_mean, of_variance = global_moments(x.numel() // x.shape[1], own_mean, own_variance, add_up)
        mean, variance = torch.from_numpy(of_mean).to(weight), torch.from_numpy(of_variance).to(weight)
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.count, ctx.inverse, ctx.eps, ctx.add_up = count, 1 / np.sqrt(of_variance + eps), eps, add_up
        unbiased = variance * (count / max(1.0, count - 1))
        ctx.mark_non_differentiable(mean, unbiased)
        return functional.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps), mean, unbiased

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of this rank's rows, of all ranks' losses; of weight and bias, of this rank's."""
        x, weight, mean, variance = ctx.saved_tensors
        rows, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        by_weight, by_bias = (of.double().cpu().numpy() for of in (of_weight, of_bias))
        scale = weight.detach().double().cpu().numpy() * ctx.inverse
        slope, offset = through_moments(by_weight, by_bias, ctx.count, scale, ctx.add_up)
        of_x = slope * ctx.inverse
        terms = torch.from_numpy(np.stack((of_x, offset - of_x * mean.double().cpu().numpy()))).to(x)
        steepness, constant = terms.view(2, 1, -1, *[1] * (x.dim() - 2))
        return rows.addcmul_(x, steepness).add_(constant), of_weight, of_bias, None, None


class NormaliseNarrow(torch.autograd.Function):
    """The same for images of few channels in float32 on a processor, as rows of all their values (n, h w c).

    A channel's number stands h w times in such a row, so that passes go through whole vectors. torch's batch norm takes
    3.6 times as long in both directions together for 3 channels of 64 x 64 pixels.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, add_up: AddUp
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(n, c, h, w); the mean (c,) and the unbiased variance (c,) of all ranks' rows."""
        channels = x.shape[1]
        rows, own_count = as_rows(x), x.numel() // channels
        own_mean = sum_channels(rows, channels) / own_count
        centred = rows - repeat(own_mean, rows)
        own_variance = sum_channels(centred.square(), channels) / own_count
        count, mean, variance = global_moments(own_count, own_mean, own_variance, add_up)
        ctx.inverse = 1 / np.sqrt(variance + eps)
        ctx.shift, ctx.count, ctx.add_up = own_mean - mean, count, add_up
        ctx.save_for_backward(centred, weight)
        scale = weight.detach().numpy() * ctx.inverse
        offset = bias.detach().numpy() + scale * ctx.shift
        normalised = torch.addcmul(repeat(offset, rows), centred, repeat(scale, rows))
        moments = torch.from_numpy(np.stack((mean, variance * (count / max(1.0, count - 1))))).float()
        ctx.mark_non_differentiable(*moments)
        return as_images(normalised, x.shape), *moments

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of this rank's rows, of all ranks' losses; of weight and bias, of this rank's."""
        centred, weight = ctx.saved_tensors
        rows = as_rows(gradient)
        of_bias = sum_channels(rows, len(weight))
        of_weight = ctx.inverse * (sum_channels(rows * centred, len(weight)) + ctx.shift * of_bias)
        scale = weight.detach().numpy() * ctx.inverse
        slope, offset = through_moments(of_weight, of_bias, ctx.count, scale, ctx.add_up)
        steepness = slope * ctx.inverse
        of_rows = torch.addcmul(
            repeat(offset + steepness * ctx.shift, rows), centred, repeat(steepness, rows)
        ).addcmul_(rows, repeat(scale, rows))
        own = (torch.from_numpy(of).float() for of in (of_weight, of_bias))
        return as_images(of_rows, gradient.shape), *own, None, None


def as_rows(images: Tensor) -> Tensor:
    """(n, c, h, w) as (n, h w c), a view where channels come last in memory."""
    return images.permute(0, 2, 3, 1).reshape(len(images), -1)


def as_images(rows: Tensor, shape: torch.Size) -> Tensor:
    """Rows (n, h w c) as images of a shape (n, c, h, w), channels last in memory."""
    images, channels, height, width = shape
    return rows.view(images, height, width, channels).permute(0, 3, 1, 2)


def sum_channels(rows: Tensor, channels: int) -> Sums:
    """The sum of each channel's values (c,) in rows (n, h w c)."""
    return rows.sum(dim=0).view(-1, channels).sum(dim=0, dtype=torch.float64).numpy()


def repeat(of_channels: Sums, rows: Tensor) -> Tensor:
    """A number for each channel (c,), as often as a row (h w c) has it."""
    return torch.from_numpy(of_channels).to(rows.dtype).expand(rows.shape[1] // len(of_channels), -1).reshape(-1)


def share_batches(model: nn.Module, add_up: AddUp) -> None:
    """Have a model's batch normalisations take the moments of all ranks' rows, by a step's ``add_up``."""
    for module in model.modules():
        if isinstance(module, GlobalBatchNorm):
            module.add_up = add_up
