"""edsr: residual blocks without batch norm on coarse cells (Lim et al. 2017, arXiv:1707.02921)."""

from __future__ import annotations

from torch import Tensor, nn

from workloads.runtime.task import Batch, Step
from workloads.super_resolution.networks import Enlarger, Framed, ResidualBlock
from workloads.super_resolution.scores import valid_mean
from workloads.super_resolution.task import SuperResolutionTask


class EdsrNetwork(nn.Module):
    """The baseline has 16 blocks of 64 channels: 1,369,859 parameters for three colours and a scale of 2, and 147,712
    more for each doubling.
    """

    def __init__(self, scale: int, blocks: int, width: int, channels: int = 1) -> None:
        super().__init__()
        doublings = scale.bit_length() - 1
        self.head = nn.Conv2d(channels, width, 3, padding=1)
        self.body = nn.Sequential(
            *(ResidualBlock(width, nn.ReLU(inplace=True)) for _ in range(blocks)), nn.Conv2d(width, width, 3, padding=1)
        )
        self.tail = nn.Sequential(
            *(
                part
                for _ in range(doublings)
                for part in (nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2))
            ),
            nn.Conv2d(width, channels, 3, padding=1),
        )

    def forward(self, coarse: Tensor) -> Tensor:
        """The fine images."""
        features = self.head(coarse)
        fine: Tensor = self.tail(features + self.body(features))
        return fine


class Edsr(SuperResolutionTask):
    """By the mean absolute error, as published."""

    def build_model(self) -> Enlarger:
        """With ``model.blocks`` of ``model.width`` channels."""
        network = EdsrNetwork(self.scale, int(self.options["blocks"]), int(self.options["width"]))
        return Framed(network, self.scale, **self.frame)

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Mean absolute error over the cells that have a value."""
        return valid_mean((model(batch["input"]) - batch["target"]).abs(), batch.get("mask"))
