"""How far a field is from the truth. All take fields (n, c, *points) and give a score of each sample, (n,) float64.

The input is part of no score, and neither are steps that a roll-out was given.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST = 1e-30
"""What a truth of nothing but zeros counts as."""


def _exact(fields: Tensor) -> Tensor:
    return fields.double() if fields.dtype != torch.float64 else fields


def _norms(fields: Tensor) -> Tensor:
    return fields.flatten(1).square().sum(1).sqrt()


def relative_l2(made: Tensor, truth: Tensor) -> Tensor:
    """Norm of the error over all channels and points, of the truth's. A loss, too: it keeps precision and gradients."""
    return _norms(made - truth) / _norms(truth).clamp_min(SMALLEST)


def slopes(fields: Tensor, periodic: bool, both_ends: bool) -> list[Tensor]:
    """Derivatives along each axis of a domain of length 1: central differences, one-sided at edges."""
    found = []
    for axis in range(2, fields.ndim):
        points = fields.shape[axis]
        if periodic:
            around = torch.cat((fields.narrow(axis, points - 1, 1), fields, fields.narrow(axis, 0, 1)), axis)
            found.append((around.narrow(axis, 2, points) - around.narrow(axis, 0, points)) * (points / 2))
        else:
            (slope,) = torch.gradient(fields, spacing=1 / (points - both_ends), dim=axis)
            found.append(slope)
    return found


def relative_h1(made: Tensor, truth: Tensor, periodic: bool, both_ends: bool) -> Tensor:
    """The same with slopes: of sums of squares of values and of all derivatives. A loss, too."""

    def norms(fields: Tensor) -> Tensor:
        squares = fields.flatten(1).square().sum(1)
        return (squares + sum(slope.flatten(1).square().sum(1) for slope in slopes(fields, periodic, both_ends))).sqrt()

    return norms(made - truth) / norms(truth).clamp_min(SMALLEST)


def nrmse(made: Tensor, truth: Tensor) -> Tensor:
    """Mean over channels of each one's root mean square error, of its truth's root mean square (as PDEBench)."""
    return (channel_errors(made, truth)).mean(1)


def channel_errors(made: Tensor, truth: Tensor) -> Tensor:
    """Relative L2 error of each channel, (n, c): of a roll-out, the error by step."""
    made, truth = _exact(made), _exact(truth)
    errors = (made - truth).flatten(2).square().mean(2).sqrt()
    return errors / truth.flatten(2).square().mean(2).sqrt().clamp_min(SMALLEST)


def vrmse(made: Tensor, truth: Tensor) -> Tensor:
    """Mean over channels of each one's root mean square error, of its truth's standard deviation (as The Well): a
    truth's mean has 1.
    """
    made, truth = _exact(made), _exact(truth)
    variance = (truth.flatten(2) - truth.flatten(2).mean(2, keepdim=True)).square().mean(2)
    return ((made - truth).flatten(2).square().mean(2) / variance.clamp_min(SMALLEST)).sqrt().mean(1)


def maximum(made: Tensor, truth: Tensor) -> Tensor:
    """Largest error anywhere, in the fields' unit."""
    return (_exact(made) - _exact(truth)).flatten(1).abs().amax(1)


def drift(made: Tensor, truth: Tensor) -> Tensor:
    """Largest difference between both fields' means over the domain in any channel, of the truth's root mean square:
    how much of what is conserved was lost or made up.
    """
    made, truth = _exact(made), _exact(truth)
    scale = truth.flatten(1).square().mean(1).sqrt().clamp_min(SMALLEST)
    return (made - truth).flatten(2).mean(2).abs().amax(1) / scale


def mean_spectrum(fields: Tensor) -> Tensor:
    """Mean power (k,) of the waves around each whole number of periods along the domain, of fields (n, c, *points)."""
    axes = list(range(2, fields.ndim))
    shape = fields.shape[2:]
    power = torch.fft.rfftn(_exact(fields), dim=axes, norm="forward").abs().square().mean((0, 1))
    frequencies = [torch.fft.fftfreq(points, 1 / points) for points in shape[:-1]]
    frequencies.append(torch.fft.rfftfreq(shape[-1], 1 / shape[-1]))
    lengths = torch.stack([grid.square() for grid in torch.meshgrid(*frequencies, indexing="ij")]).sum(0).sqrt()
    rings = lengths.round().long().flatten()
    highest = min(shape) // 2
    kept = rings <= highest
    spectrum: Tensor = power.new_zeros(highest + 1)
    return spectrum.index_add_(0, rings[kept], power.flatten()[kept])
