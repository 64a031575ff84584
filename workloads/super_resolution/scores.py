"""How much of a fine field comes back: errors, structure, what is beyond the coarse grid's waves, what it must keep.

All take images (n, 1, h, w), in the stored unit: the range of the data set is 1. A mask (n, 1, h, w) is 1 where the
truth has a value, and None where it has one everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FRAME = 8
"""Cells from the edge that count as the image's frame, where a network sees beyond the image."""
SMALLEST = 1e-12
"""Smallest mean square that counts: an exact image has 120 dB rather than infinity."""


def valid_mean(errors: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean over images of each one's mean over valid cells, a scalar: the same however a batch is shared
    among ranks.
    """
    if mask is None:
        return errors.float().mean()
    valid = mask.float()
    return ((errors.float() * valid).sum(dim=(1, 2, 3)) / valid.sum(dim=(1, 2, 3)).clamp_min(1)).mean()


def interior_of(images: Tensor) -> Tensor:
    """Return images without their frame of FRAME cells, or of a quarter of a small image."""
    frame = min(FRAME, min(images.shape[-2:]) // 4)
    return images[..., frame:-frame, frame:-frame]


def squared_sums(made: Tensor, truth: Tensor, mask: Tensor | None) -> Tensor:
    """Return each image's sum of squared errors and its number of valid cells, of the whole and of the interior: (n, 4)
    float64.
    """
    squares = (made.double() - truth.double()).square()
    valid = torch.ones_like(squares) if mask is None else mask.double()
    parts = [part for each in (squares * valid, valid) for part in (each, interior_of(each))]
    whole, inner, cells, inner_cells = (part.sum(dim=(1, 2, 3)) for part in parts)
    return torch.stack((whole, cells, inner, inner_cells), dim=1)


def decibels(mean_square: Tensor) -> Tensor:
    """PSNR for a peak of 1: 10 log10(1 / MSE)."""
    return -10 * torch.log10(mean_square.clamp_min(SMALLEST))


def spectrum_error(made: Tensor, truth: Tensor, scale: int) -> Tensor:
    """Return (n,): the root mean square over wave numbers of log10 of the ratio of both radial power spectra, above the
    highest wave that the coarse grid can hold.

    Fields are not periodic: a Hann window keeps their edges out (Harris 1978, doi:10.1109/PROC.1978.10837).
    """
    ours, theirs = radial_spectrum(made), radial_spectrum(truth)
    beyond = slice(min(truth.shape[-2:]) // (2 * scale) + 1, None)
    ratio = torch.log10(ours[:, beyond].clamp_min(1e-30)) - torch.log10(theirs[:, beyond].clamp_min(1e-30))
    return ratio.square().mean(dim=1).sqrt()


def radial_spectrum(images: Tensor) -> Tensor:
    """Return the power (n, k) of waves around each whole number of periods an image, up to half its smaller side."""
    height, width = images.shape[-2:]
    windows = [torch.hann_window(size, periodic=False, dtype=torch.float64) for size in (height, width)]
    window = (windows[0][:, None] * windows[1]).to(images.device)
    fields = images[:, 0].double()
    power = torch.fft.rfft2((fields - fields.mean(dim=(1, 2), keepdim=True)) * window).abs().square()
    side = min(height, width)
    rows = torch.fft.fftfreq(height, 1 / side, dtype=torch.float64)
    columns = torch.fft.rfftfreq(width, 1 / side, dtype=torch.float64)
    ring = (rows[:, None] ** 2 + columns**2).sqrt().round().long().to(images.device).flatten()
    kept = ring <= side // 2
    spectrum: Tensor = power.new_zeros(len(images), side // 2 + 1)
    return spectrum.index_add_(1, ring[kept], power.flatten(1)[:, kept])


def box_error(made: Tensor, truth: Tensor, scale: int, mask: Tensor | None) -> Tensor:
    """Return (n,): the root mean square of the difference between both images' means over coarse cells, 0 where what a
    cell holds is conserved. Cells without any valid fine one do not count.
    """
    valid = torch.ones_like(truth, dtype=torch.float64) if mask is None else mask.double()
    share = functional.avg_pool2d(valid, scale)
    difference = functional.avg_pool2d((made.double() - truth.double()) * valid, scale) / share.clamp_min(1e-12)
    counted = (share > 0).double()
    squares = (difference.square() * counted).sum(dim=(1, 2, 3)) / counted.sum(dim=(1, 2, 3)).clamp_min(1)
    return squares.sqrt()
