"""Scores of images against their truth that several benchmarks share."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

WINDOW, SIGMA = 11, 1.5
"""Gaussian window of SSIM, pixels (Wang et al. 2004, doi:10.1109/TIP.2003.819861)."""


def ssim(image: Tensor, truth: Tensor, data_range: float, valid: Tensor | None = None) -> Tensor:
    """Return the structural similarity (n,) of images (n, 1, h, w): the mean over all places where the whole window
    fits, and where it holds ``valid`` pixels (n, 1, h, w) alone; NaN for an image without such a place.

    The definition is that of scikit-image's structural_similarity with gaussian_weights=True and
    use_sample_covariance=False.
    """
    place = torch.arange(WINDOW, device=image.device, dtype=image.dtype) - WINDOW // 2
    weights = torch.exp(-(place**2) / (2 * SIGMA**2))
    weights = weights / weights.sum()
    five = torch.cat((image, truth, image * image, truth * truth, image * truth), dim=1).flatten(0, 1)[:, None]
    means = functional.conv2d(functional.conv2d(five, weights[None, None, None, :]), weights[None, None, :, None])
    x, y, xx, yy, xy = means.reshape(len(image), 5, *means.shape[-2:]).unbind(1)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    similarity = (2 * x * y + c1) * (2 * (xy - x * y) + c2)
    similarity = similarity / ((x * x + y * y + c1) * ((xx - x * x) + (yy - y * y) + c2))
    if valid is None:
        return similarity.mean(dim=(1, 2))
    missing = functional.max_pool2d(1 - valid.to(image.dtype), WINDOW, stride=1)[:, 0]
    places = 1 - missing
    return (similarity * places).sum(dim=(1, 2)) / places.sum(dim=(1, 2))
