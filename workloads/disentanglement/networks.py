"""Encoders and decoders of images of any size; of 64 x 64 pixels they are the published networks.

Other sizes get a black frame that makes them a multiple of 16, and lose it again in the end. Adversaries have their
networks in methods/, and so has the disentangling autoencoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.runtime.task import alone

STRIDE = 16
"""What four layers of stride two need an image's height and width to be a multiple of."""


class Autoencoder(nn.Module):
    """An encoder of images (n, c, h, w), and a decoder from codes (n, d) to the logits of images."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.apply(initialise)

    def forward(self, images: Tensor) -> Tensor:
        """What the encoder says of images, (n, …)."""
        encoded: Tensor = self.encoder(images)
        return encoded


class Frame(nn.Module):
    """Puts the black frame around images, or takes it off."""

    def __init__(self, image_shape: Sequence[int], add: bool, multiple: int = STRIDE) -> None:
        super().__init__()
        sides: list[int] = []
        for size in (image_shape[2], image_shape[1]):
            missing = -size % multiple
            sides += [missing // 2, missing - missing // 2]
        self.sides = sides if add else [-side for side in sides]

    def forward(self, images: Tensor) -> Tensor:
        """(n, c, h, w) with the frame, or without."""
        return functional.pad(images, self.sides) if any(self.sides) else images


def initialise(module: nn.Module) -> None:
    """Weights by He et al. 2015 (arXiv:1502.01852), for layers that ReLU follows."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")


def smallest(image_shape: Sequence[int], multiple: int = STRIDE) -> tuple[int, int]:
    """Height and width of an image with its frame after layers that divide both by so much."""
    return -(-image_shape[1] // multiple), -(-image_shape[2] // multiple)


def activated(layers: Iterable[nn.Module]) -> list[nn.Module]:
    """The layers, each followed by ReLU."""
    return [part for layer in layers for part in (layer, nn.ReLU(inplace=True))]


def burgess(image_shape: Sequence[int], latent: int, encoded: int) -> Autoencoder:
    """The network of Burgess et al. 2018 (arXiv:1804.03599) as disentangling-vae has it: 502,005 parameters for
    ten codes of 1 x 64 x 64 pixels and their variances. The encoder has ``encoded`` outputs.
    """
    rows, columns = smallest(image_shape)
    channels, width, hidden = image_shape[0], 32, 256
    flat = width * rows * columns
    down = [nn.Conv2d(before, width, 4, stride=2, padding=1) for before in (channels, width, width, width)]
    up = [nn.ConvTranspose2d(width, width, 4, stride=2, padding=1) for _ in range(3)]
    return Autoencoder(
        nn.Sequential(
            Frame(image_shape, add=True), *activated(down), nn.Flatten(),
            *activated([nn.Linear(flat, hidden), nn.Linear(hidden, hidden)]), nn.Linear(hidden, encoded),
        ),
        nn.Sequential(
            *activated([nn.Linear(latent, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, flat)]),
            nn.Unflatten(1, (width, rows, columns)), *activated(up),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1), Frame(image_shape, add=False),
        ),
    )  # fmt: skip


def study(image_shape: Sequence[int], latent: int, encoded: int) -> Autoencoder:
    """The network of disentanglement_lib (Locatello et al. 2019, arXiv:1811.12359): 690,517 parameters for ten codes of
    1 x 64 x 64 pixels and their variances.
    """
    rows, columns = smallest(image_shape)
    channels, hidden = image_shape[0], 256
    flat = 64 * rows * columns
    down = [
        nn.Conv2d(channels, 32, 4, stride=2, padding=1), nn.Conv2d(32, 32, 4, stride=2, padding=1),
        nn.Conv2d(32, 64, 2, stride=2), nn.Conv2d(64, 64, 2, stride=2),
    ]  # fmt: skip
    up = [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1) for before, after in ((64, 64), (64, 32), (32, 32))]
    return Autoencoder(
        nn.Sequential(
            Frame(image_shape, add=True), *activated(down), nn.Flatten(),
            *activated([nn.Linear(flat, hidden)]), nn.Linear(hidden, encoded),
        ),
        nn.Sequential(
            *activated([nn.Linear(latent, hidden), nn.Linear(hidden, flat)]),
            nn.Unflatten(1, (64, rows, columns)), *activated(up),
            nn.ConvTranspose2d(32, channels, 4, stride=2, padding=1), Frame(image_shape, add=False),
        ),
    )  # fmt: skip


NETWORKS: Mapping[str, Callable[[Sequence[int], int, int], Autoencoder]] = {"burgess": burgess, "study": study}
"""Makes each network from the images' shape, the number of codes, and that of the encoder's outputs."""


class GlobalBatchNorm(nn.Module):
    """Batch normalisation over the rows of all ranks (Ioffe and Szegedy 2015, arXiv:1502.03167), of (n, c) or
    (n, c, h, w): a training is then the same for any number of ranks. A rank that is alone has torch's.

    ``together`` is the step's, see ``share_batches``; momentum and eps are torch's.
    """

    MOMENTUM, EPS = 0.1, 1e-5

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.together: Callable[[Tensor], Tensor] = alone

    def forward(self, x: Tensor) -> Tensor:
        """The same shape; in training each channel has mean zero and variance one over the global batch, before weight
        and bias.
        """
        if not self.training:
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.EPS
            )
        if self.together is alone and x.numel() > x.shape[1]:
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, True, self.MOMENTUM, self.EPS
            )
        dims = [0, *range(2, x.dim())]
        # In two passes, which on processors take half the time of torch's var_mean and less.
        wide = x.float()
        means = wide.mean(dims, keepdim=True)
        mean, variance = means.flatten(), (wide - means).square().mean(dims)
        own = torch.cat((mean.new_tensor([x.numel() / x.shape[1]]), mean, variance))
        counts, of_ranks, variances = self.together(own[None]).split((1, len(mean), len(mean)), dim=1)
        share = counts / counts.sum()
        mean_of_all = (share * of_ranks).sum(0)
        variance_of_all = (share * (variances + (of_ranks - mean_of_all).square())).sum(0)
        with torch.no_grad():
            unbiased = counts.sum() / (counts.sum() - 1).clamp_min(1)
            self.running_mean.lerp_(mean_of_all, self.MOMENTUM)
            self.running_var.lerp_(variance_of_all * unbiased, self.MOMENTUM)
        # torch's kernel normalises by this rank's own moments; weight and bias turn that into all ranks'.
        scale = self.weight * ((variance + self.EPS) / (variance_of_all + self.EPS)).sqrt()
        shift = self.bias + self.weight * (mean - mean_of_all) / (variance_of_all + self.EPS).sqrt()
        return functional.batch_norm(x, None, None, scale, shift, training=True, eps=self.EPS)


def share_batches(model: nn.Module, together: Callable[[Tensor], Tensor]) -> None:
    """Have a model's batch normalisations gather their rows by a step's ``together``."""
    for module in model.modules():
        if isinstance(module, GlobalBatchNorm):
            module.together = together
