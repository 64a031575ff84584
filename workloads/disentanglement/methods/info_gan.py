"""info_gan: made images must show the codes that they were made of (Chen et al. 2016, arXiv:1606.03657).

Networks and weights are those that InfoGAN-CR (Lin et al. 2020, arXiv:1906.06034) takes for its teapots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from workloads.disentanglement.methods.adversarial import fooled, told_apart, uniform
from workloads.disentanglement.networks import Frame, smallest
from workloads.disentanglement.normalisation import GlobalBatchNorm, share_batches
from workloads.disentanglement.task import DisentanglementTask
from workloads.runtime.task import Batch, Player, Step

SLOPE, HIDDEN = 0.2, 128


class Judge(nn.Module):
    """Images (n, c, h, w) to the logit (n,) that they are real, and to codes (n, d); spectrally normalised throughout
    (Miyato et al. 2018, arXiv:1802.05957).
    """

    def __init__(self, image_shape: Sequence[int], latent: int) -> None:
        super().__init__()
        rows, columns = smallest(image_shape)
        body: list[nn.Module] = [Frame(image_shape, add=True)]
        for before, after in ((image_shape[0], 32), (32, 32), (32, 64), (64, 64)):
            body += [spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(SLOPE)]
        flat = 64 * rows * columns
        self.body = nn.Sequential(*body, nn.Flatten(), spectral_norm(nn.Linear(flat, HIDDEN)), nn.LeakyReLU(SLOPE))
        self.real = spectral_norm(nn.Linear(HIDDEN, 1))
        self.codes = nn.Sequential(
            spectral_norm(nn.Linear(HIDDEN, HIDDEN)), nn.LeakyReLU(SLOPE), spectral_norm(nn.Linear(HIDDEN, latent))
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and codes."""
        seen = self.body(images)
        return self.real(seen).squeeze(1).float(), self.codes(seen).float()


class Maker(nn.Sequential):
    """Codes and further numbers (n, d + m) to images (n, c, h, w)."""

    def __init__(self, image_shape: Sequence[int], width: int) -> None:
        rows, columns = smallest(image_shape)
        flat = 64 * rows * columns
        up: list[nn.Module] = []
        for before, after in ((64, 64), (64, 32), (32, 32)):
            up += [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.LeakyReLU(SLOPE), GlobalBatchNorm(after)]
        super().__init__(
            nn.Linear(width, HIDDEN), nn.ReLU(), GlobalBatchNorm(HIDDEN),
            nn.Linear(HIDDEN, flat), nn.ReLU(), GlobalBatchNorm(flat), nn.Unflatten(1, (64, rows, columns)),
            *up, nn.ConvTranspose2d(32, image_shape[0], 4, 2, 1), nn.Sigmoid(), Frame(image_shape, add=False),
        )  # fmt: skip


class InfoGan(DisentanglementTask):
    """Codes are uniform in (-1, 1), and so are further numbers that nobody reads back."""

    @property
    def noise_width(self) -> int:
        """All that an image is made of."""
        return self.latent + int(self.options["further"])

    def build_model(self) -> nn.Module:
        """Both players."""
        return nn.ModuleDict(
            {
                "generator": Maker(self.image_shape, self.noise_width),
                "discriminator": Judge(self.image_shape, self.latent),
            }
        )

    def players(self, model: nn.Module) -> Sequence[Player]:
        """The generator moves first."""
        both = cast(nn.ModuleDict, model)
        return [
            Player("generator", both["generator"], self.loss),
            Player("discriminator", both["discriminator"], self.tell_apart),
        ]

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Of the generator: how well made images fool, and how well their codes are read back."""
        made, codes = self.make(model, batch, step)
        logits, read = cast(nn.ModuleDict, model)["discriminator"](made)
        return fooled(logits) + float(self.options["information"]) * misread(read, codes)

    def tell_apart(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Of the discriminator: how well real and made images are told apart, and how well codes are read back."""
        with torch.no_grad():
            made, codes = self.make(model, batch, step)
        judge = cast(nn.ModuleDict, model)["discriminator"]
        (real, _), (fake, read) = judge(self.to_images(batch)), judge(made)
        return told_apart(real, fake) + float(self.options["information"]) * misread(read, codes)

    def make(self, model: nn.Module, batch: Batch, step: Step) -> tuple[Tensor, Tensor]:
        """As many images (n, c, h, w) as the batch has, and the codes (n, d) that they are made of."""
        share_batches(model, step.add_up)
        drawn = uniform(batch["noise"])
        return cast(nn.ModuleDict, model)["generator"](drawn).float(), drawn[:, : self.latent]

    def encode(self, model: nn.Module, images: Tensor) -> Tensor:
        """Codes as they are read from images (n, d)."""
        codes: Tensor = cast(nn.ModuleDict, model)["discriminator"](images)[1]
        return codes

    def decode(self, model: nn.Module, codes: Tensor) -> Tensor:
        """Images (n, c, h, w) made of codes, all further numbers zero."""
        further = codes.new_zeros(len(codes), int(self.options["further"]))
        images: Tensor = cast(nn.ModuleDict, model)["generator"](torch.cat((codes, further), dim=1))
        return images.float()


def misread(read: Tensor, codes: Tensor) -> Tensor:
    """-log of the codes' probability under normal distributions about what was read, of variance one and up to a
    constant: mean over images, nat. Its negative is a lower bound of the mutual information.
    """
    return 0.5 * (read - codes).square().sum(dim=1).mean()
