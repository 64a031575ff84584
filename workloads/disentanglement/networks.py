"""Encoders and decoders of images of any size; of 64 x 64 pixels they are the published networks.

Other sizes get a black frame that makes them a multiple of 16, and lose it again in the end. Adversaries have their
networks in methods/, and so has the disentangling autoencoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional

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
