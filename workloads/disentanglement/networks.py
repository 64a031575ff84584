"""Encoders and decoders of images of any size; of the published sizes, exactly the published networks."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

STRIDE = 16
"""What four layers of stride two need an image's height and width to be a multiple of."""
CHANNELS, HIDDEN = 32, 256


class Frame(nn.Module):
    """Puts a black frame around images, or takes it off, so that any size becomes a multiple of 16."""

    def __init__(self, image_shape: Sequence[int], add: bool) -> None:
        super().__init__()
        sides = []
        for size in (image_shape[2], image_shape[1]):
            missing = -size % STRIDE
            sides += [missing // 2, missing - missing // 2]
        self.sides = sides if add else [-side for side in sides]

    def forward(self, images: Tensor) -> Tensor:
        """(n, c, h, w) with the frame, or without."""
        return functional.pad(images, self.sides) if any(self.sides) else images


class Autoencoder(nn.Module):
    """The network of Burgess et al. 2018 (arXiv:1804.03599) as disentangling-vae has it: 502,005 parameters for ten
    codes with their variances of 1 x 64 x 64 pixels.

    ``encoded`` is what the encoder says of an image, ``latent`` what the decoder is given.
    """

    def __init__(self, image_shape: Sequence[int], latent: int, encoded: int) -> None:
        super().__init__()
        channels, height, width = image_shape
        rows, columns = -(-height // STRIDE), -(-width // STRIDE)
        flat = CHANNELS * rows * columns
        down = [
            layer
            for before in (channels, CHANNELS, CHANNELS, CHANNELS)
            for layer in (nn.Conv2d(before, CHANNELS, 4, stride=2, padding=1), nn.ReLU(inplace=True))
        ]
        self.encoder = nn.Sequential(
            Frame(image_shape, add=True), *down, nn.Flatten(),
            nn.Linear(flat, HIDDEN), nn.ReLU(inplace=True), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(inplace=True),
            nn.Linear(HIDDEN, encoded),
        )  # fmt: skip
        up = [
            layer
            for after in (CHANNELS, CHANNELS, CHANNELS, channels)
            for layer in (nn.ReLU(inplace=True), nn.ConvTranspose2d(CHANNELS, after, 4, stride=2, padding=1))
        ]
        self.decoder = nn.Sequential(
            nn.Linear(latent, HIDDEN), nn.ReLU(inplace=True), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(inplace=True),
            nn.Linear(HIDDEN, flat), nn.Unflatten(1, (CHANNELS, rows, columns)), *up,
            Frame(image_shape, add=False),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        """What the encoder says of images (n, c, h, w): (n, encoded)."""
        encoded: Tensor = self.encoder(images)
        return encoded
