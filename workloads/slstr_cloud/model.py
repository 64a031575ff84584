"""The published U-Net: 32-64-128-256 channels, up-sampling and concatenation, a 1 x 1 convolution to one logit."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 9
LEVELS = 3
UNIT_NORMAL_CUT_AT_TWO = 0.87962566103423978
"""Standard deviation of a unit normal distribution cut off at two standard deviations."""


def double_convolution(inputs: int, outputs: int) -> nn.Sequential:
    """Return two 3 x 3 convolutions, each with ReLU, that keep the size."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.ReLU(inplace=True),
    )  # fmt: skip


def spread_like(weight: Tensor) -> Tensor:
    """Return which entries of a kernel of 3 meet the same pixel of the smaller image, for each of a transposed kernel's
    4: ((0, 0, 1), (0, 1, 1), (1, 1, 0), (1, 0, 0)).

    Made where the weight lies: for numbers that come from the host's memory it would wait at each call.
    """
    return torch.ones(4, 3, dtype=weight.dtype, device=weight.device).tril().triu(-1).flip(1)


def enlarge_and_convolve(x: Tensor, skip: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Return the 3 x 3 convolution of ``x`` (n, c, h, w), enlarged twofold, and ``skip`` (n, c', 2h, 2w).

    The nine entries of the kernel meet at most four pixels of ``x``. Summed beforehand they are a transposed
    convolution with a kernel of 4 and a stride of 2: 16 products per pixel of ``x`` instead of 36, and no enlarged
    image in memory. It is the same function of the same parameters, except for the order of its sums.
    """
    channels = x.shape[1]
    with torch.autocast(x.device.type, enabled=False):
        weight = convolution.weight
        spread = spread_like(weight)
        kernel = torch.einsum("ia,ocab,jb->coij", spread, weight[:, :channels], spread)
    enlarged = functional.conv_transpose2d(x, kernel, stride=2, padding=1)
    return enlarged + functional.conv2d(skip, weight[:, channels:], convolution.bias, padding=1)


class UNet(nn.Module):
    """Maps images (n, 9, h, w) to logits (n, 1, h, w); h and w are multiples of 8. ``width``: channels of the first
    level.

    ``merge``: compute the enlargement and the convolution after it in one (see ``enlarge_and_convolve``).
    """

    def __init__(self, width: int = 32, merge: bool = False) -> None:
        super().__init__()
        self.merge = merge
        sizes = [width * 2**level for level in range(LEVELS + 1)]
        self.down = nn.ModuleList(
            double_convolution(inputs, outputs) for inputs, outputs in zip([CHANNELS, *sizes], sizes, strict=False)
        )
        self.up = nn.ModuleList(double_convolution(3 * outputs, outputs) for outputs in reversed(sizes[:-1]))
        self.pool = nn.MaxPool2d(2)
        self.enlarge = nn.Upsample(scale_factor=2, mode="nearest")
        self.head = nn.Conv2d(width, 1, 1)
        self._initialise()

    def _initialise(self) -> None:
        # He et al. 2015 (arXiv:1502.01852) with a truncated normal distribution, as Keras's "he_normal".
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                deviation = math.sqrt(2 / (module.in_channels * math.prod(module.kernel_size)))
                deviation /= UNIT_NORMAL_CUT_AT_TWO
                nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Logits of cloud (n, 1, h, w)."""
        skipped = []
        for level in self.down[:-1]:
            x = level(x)
            skipped.append(x)
            x = self.pool(x)
        x = self.down[-1](x)
        for level, skip in zip(self.up, reversed(skipped), strict=True):
            convolution, *rest = level.children()
            if self.merge and isinstance(convolution, nn.Conv2d):
                x = enlarge_and_convolve(x, skip, convolution)
            else:
                x = convolution(torch.cat([self.enlarge(x), skip], dim=1))
            for layer in rest:
                x = layer(x)
        logits: Tensor = self.head(x)
        return logits


class CloudNet(nn.Module):
    """The U-Net on images as they are stored: channels last, half precision."""

    def __init__(self, width: int, merge: bool) -> None:
        super().__init__()
        self.network = UNet(width, merge)

    @property
    def memory_format(self) -> torch.memory_format:
        """The memory format of the weights, which images are given too."""
        weight = next(self.network.parameters())
        last = weight.is_contiguous(memory_format=torch.channels_last)
        return torch.channels_last if last else torch.contiguous_format

    def forward(self, images: Tensor) -> Tensor:
        """Logits of cloud (n, h, w) of normalised images (n, h, w, 9)."""
        x = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=self.memory_format)
        logits: Tensor = self.network(x)
        return logits[:, 0]
