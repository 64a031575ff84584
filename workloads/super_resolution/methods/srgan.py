"""srgan: a generator that a critic must not tell from fine images (Ledig et al. 2017, arXiv:1609.04802).

Two parts differ from what is published. The perceptual term compared features of a network that was trained on
photographs; here errors of the images' gradients are weighed in its place (``model.gradient``), which need no weights
from elsewhere. Neither player has batch norm, so that a training is the same for any number of ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.runtime.task import Batch, Player, Step
from workloads.super_resolution.networks import Enlarger, Framed, ResidualBlock, moments
from workloads.super_resolution.task import SuperResolutionTask

SLOPE = 0.2


class Generator(nn.Module):
    """SRResNet: published with 16 blocks of 64 channels."""

    def __init__(self, scale: int, blocks: int, width: int) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(1, width, 9, padding=4), nn.PReLU(width))
        self.body = nn.Sequential(
            *(ResidualBlock(width, nn.PReLU(width)) for _ in range(blocks)), nn.Conv2d(width, width, 3, padding=1)
        )
        up: list[nn.Module] = []
        for _ in range(scale.bit_length() - 1):
            up += [nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU(width)]
        self.tail = nn.Sequential(*up, nn.Conv2d(width, 1, 9, padding=4))

    def forward(self, coarse: Tensor) -> Tensor:
        """The fine images."""
        features = self.head(coarse)
        fine: Tensor = self.tail(features + self.body(features))
        return fine


class Critic(nn.Sequential):
    """Fine images (n, 1, h, w) of any size to logits (n, 1) that they are real: published with widths of 64 to 512."""

    def __init__(self, width: int) -> None:
        body: list[nn.Module] = [nn.Conv2d(1, width, 3, padding=1), nn.LeakyReLU(SLOPE)]
        for level in range(3):
            before, after = width * 2**level, width * 2 ** (level + 1)
            body += [nn.Conv2d(before, before, 3, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
            body += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(SLOPE)]
        super().__init__(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * width, 1))


class Srgan(SuperResolutionTask):
    """Both players see images in units of their coarse image's deviation, about its mean. Where the truth has no value
    the generator's image has the truth's stand-in, so that the critic learns nothing of land.
    """

    def build_model(self) -> nn.Module:
        """Both players."""
        options = self.options
        generator = Generator(self.scale, int(options["blocks"]), int(options["width"]))
        return nn.ModuleDict({
            "generator": Framed(generator, self.scale, **self.frame),
            "critic": Critic(int(options["critic_width"])),
        })  # fmt: skip

    def players(self, model: nn.Module) -> Sequence[Player]:
        """The generator moves first."""
        both = cast(nn.ModuleDict, model)
        return [Player("generator", both["generator"], self.loss), Player("critic", both["critic"], self.tell_apart)]

    def network(self, model: nn.Module) -> Enlarger:
        """The generator."""
        return cast(Enlarger, cast(nn.ModuleDict, model)["generator"])

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Of the generator: the mean squared error, the gradients' mean absolute error, and how badly it fools."""
        made, truth = self.standardised(model, batch)
        fooled = functional.softplus(-cast(nn.ModuleDict, model)["critic"](made).float()).mean()
        content = functional.mse_loss(made, truth) + float(self.options["gradient"]) * gradient_error(made, truth)
        return content + float(self.options["adversarial"]) * fooled

    def tell_apart(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Of the critic: -log of the probability that it gives to what is so, of real and of made images."""
        with torch.no_grad():
            made, truth = self.standardised(model, batch)
        critic = cast(nn.ModuleDict, model)["critic"]
        return (functional.softplus(critic(made).float()) + functional.softplus(-critic(truth).float())).mean()

    def standardised(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """The generator's images and the true ones."""
        mean, deviation = moments(batch["input"])
        made, truth = self.network(model)(batch["input"]), batch["target"]
        if "mask" in batch:
            made = torch.where(batch["mask"].bool(), made, truth)
        return (made - mean) / deviation, (truth - mean) / deviation


def gradient_error(made: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of the differences of neighbours, along both axes."""
    error = made - truth
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
