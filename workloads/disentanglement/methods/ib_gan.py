"""ib_gan: an information bottleneck between what images are made of and the codes (Jeon et al., AAAI 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from workloads.disentanglement.methods.adversarial import fooled, told_apart
from workloads.disentanglement.methods.variational import Posterior, divergence
from workloads.disentanglement.networks import Frame, smallest
from workloads.disentanglement.normalisation import GlobalBatchNorm, share_batches
from workloads.disentanglement.task import DisentanglementTask
from workloads.runtime.task import Batch, Player, Step

WIDTH, SLOPE = 16, 0.2
MULTIPLE = 8


def representation(source: int, latent: int) -> nn.Sequential:
    """Numbers (n, m) to means and log variances of codes (n, 2 d)."""
    return nn.Sequential(nn.Linear(source, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2 * latent))


def generator(image_shape: Sequence[int], latent: int) -> nn.Sequential:
    """Codes (n, d) to images (n, c, h, w) in [-1, 1]."""
    rows, columns = smallest(image_shape, MULTIPLE)
    wide, flat = 4 * WIDTH, 4 * WIDTH * rows * columns
    up: list[nn.Module] = []
    for before, after, kernel, stride in (
        (wide, wide, 3, 1), (wide, wide, 3, 1), (wide, 2 * WIDTH, 4, 2), (2 * WIDTH, WIDTH, 4, 2)
    ):  # fmt: skip
        up += [nn.ConvTranspose2d(before, after, kernel, stride, 1, bias=False), GlobalBatchNorm(after), nn.ReLU()]
    return nn.Sequential(
        nn.Linear(latent, 16 * WIDTH), GlobalBatchNorm(16 * WIDTH), nn.ReLU(),
        nn.Linear(16 * WIDTH, flat), GlobalBatchNorm(flat), nn.ReLU(), nn.Unflatten(1, (wide, rows, columns)),
        *up, nn.ConvTranspose2d(WIDTH, image_shape[0], 4, 2, 1), nn.Tanh(), Frame(image_shape, False, MULTIPLE),
    )  # fmt: skip


def reader(image_shape: Sequence[int], outputs: int, deep: bool) -> nn.Sequential:
    """Images in [-1, 1] to (n, outputs); ``deep`` ones have a layer more before the last."""
    down: list[nn.Module] = [nn.Conv2d(image_shape[0], WIDTH, 4, 2, 1), nn.LeakyReLU(SLOPE)]
    wide = 16 * WIDTH
    for before, after, kernel, stride, padding in (
        (WIDTH, 2 * WIDTH, 4, 2, 1), (2 * WIDTH, 4 * WIDTH, 4, 2, 1), (4 * WIDTH, 8 * WIDTH, 3, 1, 1),
        (8 * WIDTH, wide, smallest(image_shape, MULTIPLE), 1, 0),
    ):  # fmt: skip
        convolution = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
        down += [convolution, GlobalBatchNorm(after), nn.LeakyReLU(SLOPE)]
    if deep:
        down += [nn.Conv2d(wide, wide, 1), GlobalBatchNorm(wide), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(Frame(image_shape, True, MULTIPLE), *down, nn.Conv2d(wide, outputs, 1), nn.Flatten())


class Side(nn.Module):
    """What works against the discriminator: numbers to codes to images, and back to the numbers."""

    def __init__(self, image_shape: Sequence[int], source: int, latent: int) -> None:
        super().__init__()
        self.representation = representation(source, latent)
        self.generator = generator(image_shape, latent)
        self.reconstructor = reader(image_shape, source, deep=True)


class IbGan(DisentanglementTask):
    """Images are made of ``source`` normal numbers by way of codes that may say little of them, and must show them."""

    @property
    def noise_width(self) -> int:
        """The numbers that an image is made of, and one to draw each code."""
        return self.source + self.latent

    @property
    def source(self) -> int:
        """Numbers that an image is made of."""
        return int(self.options["source"])

    def build_model(self) -> nn.Module:
        """Both players."""
        return nn.ModuleDict(
            {
                "generator": Side(self.image_shape, self.source, self.latent),
                "discriminator": reader(self.image_shape, 1, deep=False),
            }
        )

    def players(self, model: nn.Module) -> Sequence[Player]:
        """The discriminator moves first, as published."""
        both = cast(nn.ModuleDict, model)
        return [
            Player("discriminator", both["discriminator"], self.tell_apart),
            Player("generator", both["generator"], self.loss),
        ]

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Of the generator: how well made images fool, how well they show their numbers, and what their codes say."""
        numbers, posterior, made = self.make(model, batch, step)
        logits = cast(nn.ModuleDict, model)["discriminator"](made).squeeze(1)
        read: Tensor = self.side(model).reconstructor(made).float()
        information: Tensor = 0.5 * (numbers.square() - (numbers - read).square()).sum(dim=1).mean()
        return fooled(logits) - information + float(self.options["beta"]) * divergence(posterior)

    def tell_apart(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Of the discriminator."""
        with torch.no_grad():
            _, _, made = self.make(model, batch, step)
        judge = cast(nn.ModuleDict, model)["discriminator"]
        return told_apart(judge(2 * self.to_images(batch) - 1).squeeze(1), judge(made).squeeze(1))

    def make(self, model: nn.Module, batch: Batch, step: Step) -> tuple[Tensor, Posterior, Tensor]:
        """The numbers (n, m) that images are made of, their codes, and the images in [-1, 1], a batch of them."""
        share_batches(model, step.add_up)
        numbers, noise = batch["noise"].split((self.source, self.latent), dim=1)
        mean, log_variance = self.side(model).representation(numbers).float().chunk(2, dim=1)
        posterior = Posterior(mean, log_variance, mean + noise * (0.5 * log_variance).exp())
        return numbers, posterior, self.side(model).generator(posterior.sample)

    def side(self, model: nn.Module) -> Side:
        """The generator's networks."""
        return cast(Side, cast(nn.ModuleDict, model)["generator"])

    def encode(self, model: nn.Module, images: Tensor) -> Tensor:
        """The means of the codes (n, d) of the numbers that images show."""
        side = self.side(model)
        codes: Tensor = side.representation(side.reconstructor(2 * images - 1))[:, : self.latent]
        return codes.float()

    def decode(self, model: nn.Module, codes: Tensor) -> Tensor:
        """Images (n, c, h, w) in [0, 1]."""
        images: Tensor = self.side(model).generator(codes)
        return images.float() / 2 + 0.5
