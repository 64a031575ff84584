"""Convolutions whose weight gradients are matrix products, where those are faster than torch's own."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.grad import conv2d_input

MOST_PIXELS = 8192
"""Most pixels of a batch for which one matrix product is the faster weight gradient of a 1 x 1 convolution."""
FEWEST_CHANNELS = 128
"""Fewest channels for which Winograd's method is the faster weight gradient of a 3 x 3 convolution."""
FEWEST_TILES = 64
"""Fewest tiles of 4 x 4 pixels for which they are faster than tiles of 2 x 2."""


class Convolution(nn.Conv2d):
    """A convolution that, with ``kernels`` set, trains faster in float32 on a processor in channels-last order.

    oneDNN's kernels for AVX2 reach 176 GFLOP/s in a 3 x 3 convolution and in its gradient by the input, but 45 to 110
    in the gradient by the weights (two cores of an AMD EPYC, ResNet-50's shapes). Only that one is replaced.
    """

    kernels = False

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, h, w) to (n, out_channels, h / stride, w / stride)."""
        if self.kernels and self.training and torch.is_grad_enabled() and self.suits(x):
            result: Tensor = ConvolutionByProducts.apply(x, self.weight)  # type: ignore[no-untyped-call]
            return result
        return super().forward(x)

    def suits(self, x: Tensor) -> bool:
        """Whether matrix products give the weight gradient of this convolution of ``x`` faster."""
        plain = self.bias is None and self.groups == 1 and self.stride == self.dilation == (1, 1)
        layout = x.dtype == torch.float32 and x.device.type == "cpu"
        if not (plain and layout and x.is_contiguous(memory_format=torch.channels_last)):
            return False
        if torch.is_autocast_enabled("cpu"):
            return False
        if self.kernel_size == (1, 1):
            return self.padding == (0, 0) and x.numel() // x.shape[1] <= MOST_PIXELS
        return (
            self.kernel_size == (3, 3)
            and self.padding == (1, 1)
            and min(self.in_channels, self.out_channels) >= FEWEST_CHANNELS
            and x.shape[2] % 2 == x.shape[3] % 2 == 0
        )


class ConvolutionByProducts(torch.autograd.Function):
    """torch's convolution of stride 1 that keeps the size, with another gradient by the weights."""

    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor) -> Tensor:
        """Return the convolution."""
        context.save_for_backward(x, weight)
        return functional.conv2d(x, weight, padding=weight.shape[2] // 2)

    @staticmethod
    @once_differentiable
    def backward(context: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients by x and by the weights."""
        x, weight = context.saved_tensors
        upstream = upstream.contiguous(memory_format=torch.channels_last)
        to_x = to_weight = None
        if context.needs_input_grad[0]:
            to_x = conv2d_input(x.shape, weight, upstream, padding=weight.shape[2] // 2)  # type: ignore[no-untyped-call]
        if context.needs_input_grad[1]:
            to_weight = (gradient_by_pixels if weight.shape[2] == 1 else gradient_by_tiles)(x, upstream)
        return to_x, to_weight


def gradient_by_pixels(x: Tensor, upstream: Tensor) -> Tensor:
    """Return the weight gradient (outputs, inputs, 1, 1) of a 1 x 1 convolution of x (n, inputs, h, w), as one product
    over all pixels.

    ``upstream`` (n, outputs, h, w) is the gradient of the convolution's output.
    """
    inputs, outputs = (array.permute(0, 2, 3, 1).reshape(-1, array.shape[1]) for array in (x, upstream))
    return (outputs.T @ inputs)[:, :, None, None]


def gradient_by_tiles(x: Tensor, upstream: Tensor, tile: int | None = None) -> Tensor:
    """Return the weight gradient (outputs, inputs, 3, 3) of a 3 x 3 convolution of x (n, inputs, h, w), padded by 1.

    ``upstream`` (n, outputs, h, w) is the gradient of the convolution's output; h and w are multiples of ``tile``, 2 or
    4.

    Lavin & Gray, CVPR 2016 (arXiv:1509.09308): F(tile x tile, 3 x 3) computes y = A^T [(G w G^T) * (B^T d B)] A for
    every tile d of (tile + 2)² pixels. Its gradient by w is G^T [sum over tiles of (B^T d B) * (A dy A^T)] G. The sum
    over all pairs of channels is one matrix product for each of the (tile + 2)² places, with 4 (tile 4) or 2.25 times
    fewer multiplications than the direct method.
    """
    n, inputs, height, width = x.shape
    if tile is None:
        large = height % 4 == width % 4 == 0 and n * height * width >= 16 * FEWEST_TILES
        tile = 4 if large else 2
    edge, down, across = tile + 2, height // tile, width // tile
    of_input, of_output, of_weight = winograd_transforms(tile)
    padded = functional.pad(x, (1, 1, 1, 1)).permute(0, 2, 3, 1).contiguous()
    image, line, pixel, channel = padded.stride()
    shape = (edge, edge, n, down, across, inputs)
    tiles = padded.as_strided(shape, (line, pixel, image, tile * line, tile * pixel, channel))
    seen = (of_input @ tiles.reshape(edge**2, -1)).view(edge**2, -1, inputs)
    parts = upstream.permute(0, 2, 3, 1).reshape(n, down, tile, across, tile, -1).permute(2, 4, 0, 1, 3, 5)
    wanted = (of_output @ parts.reshape(tile**2, -1)).view(edge**2, seen.shape[1], -1)
    products = torch.bmm(wanted.transpose(1, 2), seen)
    gradient = (of_weight @ products.view(edge**2, -1)).view(3, 3, -1, inputs)
    return gradient.permute(2, 3, 0, 1).contiguous(memory_format=torch.channels_last)


@functools.cache
def winograd_transforms(tile: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the matrices that lead flattened squares to the products' domain and back, float32.

    Tiles of x: B^T ⊗ B^T (edge², edge²). Tiles of the output's gradient: A ⊗ A (edge², tile²). Products: G^T ⊗ G^T (9,
    edge²).
    """
    of_input, of_output, of_weight = (
        torch.from_numpy(np.kron(matrix, matrix).astype(np.float32)) for matrix in minimal_filter(tile)
    )
    return of_input, of_output, of_weight


def minimal_filter(tile: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return B^T (edge, edge), A (edge, tile) and G^T (3, edge) of F(tile, 3), with edge = tile + 2.

    This is the construction of Toom and Cook. A and G evaluate polynomials of the output's and the filter's degree at
    the same points (0, ±1, ±2, infinity). B makes the sum of the products the convolution: the sum over k of A_ki G_kj
    B^T_kl is 1 if l = i + j and otherwise 0.
    """
    points = np.array([0.0, 1.0, -1.0, 2.0, -2.0][: tile + 1])
    a, g = (np.vstack([points[:, None] ** np.arange(degree), np.eye(degree)[-1]]) for degree in (tile, 3))
    pairs = np.einsum("ki,kj->ijk", a, g).reshape(tile * 3, -1)
    wanted = (np.add.outer(np.arange(tile), np.arange(3)).reshape(-1, 1) == np.arange(tile + 2)).astype(np.float64)
    b_transposed = np.linalg.lstsq(pairs, wanted, rcond=None)[0]
    return b_transposed, a, g.T
