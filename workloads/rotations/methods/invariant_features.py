"""invariant_features: a linear model of numbers that stay when an image is turned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workloads.rotations.invariants import invariant_features
from workloads.rotations.task import RotationsTask


class LinearOfFeatures(nn.Module):
    """Scores (n, classes) of images: a linear layer of features with mean 0 and deviation 1."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, rings: int, frequencies: int, seen: Tensor, classes: int) -> None:
        """``seen`` (n, c, h, w): images that tell how features are spread."""
        super().__init__()
        self.rings, self.frequencies = rings, frequencies
        deviation, mean = torch.std_mean(invariant_features(seen, rings, frequencies), dim=0)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation.clamp_min(1e-6))
        self.classify = nn.Linear(len(mean), classes)

    def forward(self, images: Tensor) -> Tensor:
        """Scores of each class."""
        # Products of three amplitudes want more digits than a network is computed in.
        with torch.autocast(images.device.type, enabled=False):
            features = (invariant_features(images, self.rings, self.frequencies) - self.mean) / self.deviation
            scores: Tensor = self.classify(features)
        return scores


class InvariantFeatures(RotationsTask):
    """Trained on images as they are. It is what a network must be better than to be worth its price."""

    def build_network(self) -> nn.Module:
        """The linear model."""
        options = self.settings["model"]
        seen, _ = self.some_images()
        return LinearOfFeatures(int(options["rings"]), int(options["frequencies"]), seen, len(self.classes))
