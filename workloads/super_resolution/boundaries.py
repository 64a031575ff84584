"""Convolutions that differ by what they take for granted beyond an image's edges.

``zero``, ``reflect``, ``replicate`` and ``circular`` pad the image. ``partial`` pads with zeros and weighs each window
by how much of it lies in the image (Liu et al. 2018, arXiv:1811.11718). ``padding_free`` (Leng and Thiyagalingam 2023,
arXiv:2309.06370) invents nothing: a pixel whose window would leave the image is computed from the nearest window that
lies in it, with a kernel transformed so that it has the same effect on all polynomials which that window can hold.

The transformed kernel, derived here. A window of k points along an axis, at places 0 to k - 1, holds one polynomial of
degree k - 1: p(t) = sum_j x_j l_j(t) with Lagrange's l_j. The window that is d points further has the values
p(i + d) = sum_j E_ij x_j with E_ij = l_j(i + d). A kernel w gives sum_i w_i p(i + d) = sum_j (E^T w)_j x_j there: E^T w
is the transformed kernel, and along two axes it is E^T w E. To convolve with it is to convolve with w an image that was
continued by E first, which is how it is computed: as E acts on points, one continuation serves all kernels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Floats = NDArray[np.float32]
PADDED = ("reflect", "replicate", "circular")


def lagrange_weights(nodes: int, places: tuple[int, ...]) -> NDArray[np.float64]:
    """Return l_j(t) (places, nodes), t one of the places and j a node at 0, 1, …: what a polynomial of degree nodes - 1
    has at those places, of its values at the nodes.
    """
    t, j = np.array(places, np.float64)[:, None, None], np.arange(nodes)
    others = j[:, None] != j
    ratios = np.where(others, (t - j) / np.where(others, j[:, None] - j, 1), 1.0)
    weights: NDArray[np.float64] = ratios.prod(axis=-1)
    return weights


@lru_cache
def continuation(nodes: int, further: int) -> tuple[Floats, Floats]:
    """The weights (further, nodes) of the points before the first node, and of those behind the last.

    No tensors are kept: those of an evaluation, which may come first, could not be trained with.
    """
    before = lagrange_weights(nodes, tuple(range(-further, 0)))
    behind = lagrange_weights(nodes, tuple(range(nodes, nodes + further)))
    return before.astype(np.float32), behind.astype(np.float32)


def continue_images(images: Tensor, nodes: int, further: int) -> Tensor:
    """Images (n, c, h, w) with so many more points on every side, of the polynomial through the ``nodes`` nearest ones
    along each axis. Raises ValueError for images that are smaller than that.
    """
    if min(images.shape[-2:]) < nodes:
        raise ValueError(f"images of {tuple(images.shape[-2:])} points cannot be continued from {nodes} of them")
    before, behind = (torch.tensor(weights).to(images) for weights in continuation(nodes, further))
    rows = torch.cat((before @ images[..., :nodes, :], images, behind @ images[..., -nodes:, :]), dim=-2)
    return torch.cat((rows[..., :nodes] @ before.T, rows, rows[..., -nodes:] @ behind.T), dim=-1)


@lru_cache
def coverage(height: int, width: int, kernel: int) -> Floats:
    """Windows' points over those of them that lie in an image (h, w). No tensor is kept, as in ``continuation``."""
    rows, columns = (points_inside(points, kernel) for points in (height, width))
    factor: Floats = np.float32(kernel**2) / np.outer(rows, columns).astype(np.float32)
    return factor


def points_inside(points: int, kernel: int) -> NDArray[np.int64]:
    """How many of a window's points lie on an axis of so many, (points,), by the window's middle."""
    middle = np.arange(points)
    return np.minimum(middle + kernel // 2, points - 1) - np.maximum(middle - kernel // 2, 0) + 1


class BoundaryConvolution(nn.Conv2d):
    """A convolution of stride one that keeps the image's size; ``boundary`` is one of config.BOUNDARIES. ``kernel`` is
    odd.
    """

    def __init__(self, before: int, after: int, kernel: int, boundary: str) -> None:
        super().__init__(before, after, kernel)
        self.boundary, self.reach = boundary, kernel // 2

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, after, h, w) of images (n, before, h, w)."""
        weight, bias, reach = self.weight, self.bias, self.reach
        if self.boundary == "partial":
            factor = torch.tensor(coverage(*images.shape[-2:], weight.shape[-1])).to(images)
            covered = functional.conv2d(images, weight, padding=reach) * factor
            return covered if bias is None else covered + bias[:, None, None]
        if self.boundary == "padding_free":
            return functional.conv2d(continue_images(images, weight.shape[-1], reach), weight, bias)
        if self.boundary in PADDED:
            return functional.conv2d(functional.pad(images, (reach,) * 4, mode=self.boundary), weight, bias)
        return functional.conv2d(images, weight, bias, padding=reach)
