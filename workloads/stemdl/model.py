"""Residual networks for diffraction stacks (He et al., CVPR 2016, arXiv:1512.03385), without torchvision."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from workloads.runtime.kernels import BatchNorm, Convolution

BLOCKS: dict[int, tuple[int, int, int, int]] = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
}
"""Residual blocks in each of the four stages, by depth; 50 has bottleneck blocks."""
CLASSES = 231
"""Space groups 1 to 230 at their own index; index 0 is unused, as published."""


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> Convolution:
    return Convolution(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)


class Residual(nn.Module):
    """relu(norm(body(x)) + shortcut(x)); the shortcut is a 1 x 1 convolution where shapes differ."""

    def __init__(self, body: nn.Sequential, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = body
        self.norm = BatchNorm(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(_convolution(inputs, outputs, 1, stride), BatchNorm(outputs, activate=False))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        result: Tensor = self.norm(self.body(x), self.shortcut(x))
        return result


def basic_block(inputs: int, width: int, stride: int) -> Residual:
    """Return a block of two 3 x 3 convolutions."""
    body = nn.Sequential(
        _convolution(inputs, width, 3, stride), BatchNorm(width),
        _convolution(width, width, 3),
    )  # fmt: skip
    return Residual(body, inputs, width, stride)


def bottleneck_block(inputs: int, width: int, stride: int) -> Residual:
    """Return a block of 1 x 1, 3 x 3 and 1 x 1 convolutions; the last has four times the width, and the 3 x 3 the
    stride.
    """
    body = nn.Sequential(
        _convolution(inputs, width, 1), BatchNorm(width),
        _convolution(width, width, 3, stride), BatchNorm(width),
        _convolution(width, 4 * width, 1),
    )  # fmt: skip
    return Residual(body, inputs, 4 * width, stride)


class ResNet(nn.Module):
    """Maps images (n, 3, h, w) to class scores (n, 231). ``width`` is the number of channels of the first stage."""

    def __init__(self, depth: int = 50, width: int = 64, zero_last_gamma: bool = False) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"depth is {depth}; expected one of {sorted(BLOCKS)}")
        block: Callable[[int, int, int], Residual] = bottleneck_block if depth >= 50 else basic_block
        growth = 4 if depth >= 50 else 1
        self.stem = nn.Sequential(
            _convolution(3, width, 7, stride=2), BatchNorm(width),
            nn.MaxPool2d(3, stride=2, padding=1),
        )  # fmt: skip
        blocks, channels = [], width
        for stage, repeats in enumerate(BLOCKS[depth]):
            for number in range(repeats):
                blocks.append(block(channels, width * 2**stage, 2 if stage and number == 0 else 1))
                channels = width * 2**stage * growth
        self.stages = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES))
        self._initialise(zero_last_gamma)

    def _initialise(self, zero_last_gamma: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, Residual) and zero_last_gamma:
                # Every block starts as the identity (Goyal et al. 2017, arXiv:1706.02677, section 5.1).
                nn.init.zeros_(module.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores (n, 231)."""
        result: Tensor = self.head(self.stages(self.stem(x)))
        return result
