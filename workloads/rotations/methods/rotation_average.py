"""rotation_average: the plain network, asked at several angles of each image and averaged."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from workloads.rotations.task import RotationsTask
from workloads.rotations.turning import turn, turns_of


class Averaged(nn.Module):
    """A network that trains on images as they are, and answers with the mean of its probabilities at several angles."""

    def __init__(self, network: nn.Module, angles: int) -> None:
        super().__init__()
        self.network, self.angles = network, angles

    def forward(self, images: Tensor) -> Tensor:
        """Scores (n, classes); in evaluation logarithms of probabilities."""
        if self.training:
            scores: Tensor = self.network(images)
            return scores
        each = [self.network(turn(images, angle)).log_softmax(1) for angle in turns_of(self.angles)]
        return torch.stack(each).logsumexp(0) - math.log(self.angles)


class RotationAverage(RotationsTask):
    """It pays for each answer as often as it looks."""

    def build_network(self) -> nn.Module:
        """The plain network, averaged."""
        return Averaged(super().build_network(), int(self.settings["model"]["angles"]))
