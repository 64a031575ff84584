"""The published training loops of disentanglement as sides that take turns; see ``turns.py``.

In our words, from what is published: of stfc-sciml/dae at 23c45b8 the network, its stretch and its interpolation,
main.py's loop and its data set; of YannDubs/disentangling-vae the Burgess network, the loss "betaH" without annealing,
the trainer's iteration and what it logs. Both float32 in PyTorch's default memory layout, with the optimiser as
constructed, images one by one from memory through a ``DataLoader`` without workers, the loss looked at in every step.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from parts.published import Paced
from parts.turns import Turns


class Images(Dataset[Any]):
    """Images and labels in memory, each made a tensor when it is asked for."""

    def __init__(self, path: Path, named: bool) -> None:
        with np.load(path) as file:
            self.images, self.labels = file["imgs"], file["labs"]
        self.named = named

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        if self.named:
            return {
                "x": torch.from_numpy(np.expand_dims(self.images[index], 0)),
                "y": torch.from_numpy(np.expand_dims(self.labels[index], 0)),
            }
        # As torchvision's ToTensor: bytes (h, w, c) to numbers (c, h, w).
        image = torch.from_numpy(self.images[index].transpose(2, 0, 1)).contiguous()
        return image.to(torch.get_default_dtype()).div(255), self.labels[index]


# --- dae ----------------------------------------------------------------------------------------------------------


class PublishedDae(nn.Module):
    """The network of 61,046 parameters, with everything that its forward pass does in training."""

    def __init__(self) -> None:
        super().__init__()

        def block(layer: nn.Module, channels: int) -> list[nn.Module]:
            return [layer, nn.BatchNorm2d(channels), nn.LeakyReLU()]

        self.encoder = nn.Sequential(
            *block(nn.Conv2d(1, 8, 10, 4, 1), 8), *block(nn.Conv2d(8, 16, 10, 4, 1), 16),
            nn.Flatten(), nn.Linear(256, 64), nn.Linear(64, 3),
        )  # fmt: skip
        self.alpha = torch.tensor([[1.0, 1.0, 0.001]])
        self.gamma = nn.Parameter(0.01 * torch.ones(1, 3))
        self.beta = nn.Parameter(math.pi * torch.ones(1, 3))
        self.moving_mag, self.moving_min = torch.ones(1, 3), math.pi * torch.ones(1, 3)
        self.decoder = nn.Sequential(
            nn.Linear(6, 64), nn.LeakyReLU(), nn.Linear(64, 256), nn.LeakyReLU(), nn.Unflatten(1, (16, 4, 4)),
            *block(nn.ConvTranspose2d(16, 8, 10, 4, 1), 8), *block(nn.ConvTranspose2d(8, 1, 10, 4, 1), 1),
            nn.Conv2d(1, 1, 3, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        codes = self.encoder(images)
        least, greatest = codes.min(dim=0)[0], codes.max(dim=0)[0]
        stretched = (codes - least) / (greatest - least) * self.gamma * self.alpha + self.beta
        self.moving_mag = (0.99 * self.moving_mag + 0.01 * (greatest - least)).data
        self.moving_min = (0.99 * self.moving_min + 0.01 * least).data
        distances = torch.abs(stretched - stretched.unsqueeze(1))
        distances = torch.where(distances == 0.0, torch.tensor([100.0]), distances)
        between = stretched + torch.normal(mean=0.0, std=distances.min(dim=1)[0])
        angles = 2 * math.pi * between
        points = torch.cat((torch.cos(angles), torch.sin(angles)), 0)
        made: Tensor = self.decoder(points.T.reshape(6, -1).T)
        return made


def dae(data: Path, turns: Turns, batch: int) -> list[float]:
    """Published: main.py's ``train``."""
    torch.manual_seed(100)
    model, losses = PublishedDae(), []
    criterion = nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, betas=(0.9, 0.5))
    for found in Paced(DataLoader(Images(data, named=True), batch_size=batch, shuffle=True), turns):
        inputs, targets = found["x"], found["x"]
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses


# --- beta_vae -----------------------------------------------------------------------------------------------------


class PublishedVae(nn.Module):
    """Encoder, draw and decoder, with activations as published."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(before, 32, 4, stride=2, padding=1) for before in (channels, 32, 32, 32))
        self.narrow = nn.ModuleList((nn.Linear(512, 256), nn.Linear(256, 256)))
        self.head = nn.Linear(256, 20)
        self.widen = nn.ModuleList((nn.Linear(10, 256), nn.Linear(256, 256), nn.Linear(256, 512)))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(32, after, 4, stride=2, padding=1) for after in (32, 32, 32, channels)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = images
        for layer in self.down:
            x = torch.relu(layer(x))
        x = x.view(len(images), -1)
        for layer in self.narrow:
            x = torch.relu(layer(x))
        mean, log_variance = self.head(x).view(-1, 10, 2).unbind(-1)
        deviation = torch.exp(0.5 * log_variance)
        x = mean + deviation * torch.randn_like(deviation)
        for layer in self.widen:
            x = torch.relu(layer(x))
        x = x.view(len(images), 32, 4, 4)
        for layer in self.up[:3]:
            x = torch.relu(layer(x))
        return torch.sigmoid(self.up[3](x)), mean, log_variance


def beta_vae(data: Path, turns: Turns, batch: int) -> list[float]:
    """Published: the trainer's iteration with the loss of beta-VAE, beta 4, which it looks into every 50 steps."""
    torch.manual_seed(1234)
    images = Images(data, named=False)
    model, losses, stored = PublishedVae(images.images.shape[-1]), [], defaultdict[str, list[float]](list)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
    for step, (batch_images, _) in enumerate(Paced(DataLoader(images, batch_size=batch, shuffle=True), turns), 1):
        made, mean, log_variance = model(batch_images)
        rebuilt = functional.binary_cross_entropy(made, batch_images, reduction="sum") / len(batch_images)
        each = 0.5 * (-1 - log_variance + mean.pow(2) + log_variance.exp()).mean(dim=0)
        loss = rebuilt + 4.0 * each.sum()
        if step % 50 == 1:
            for name, value in (("recon_loss", rebuilt), ("kl_loss", each.sum()), *enumerate(each), ("loss", loss)):
                stored[str(name)].append(value.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


LOOPS: dict[str, Callable[[Path, Turns, int], list[float]]] = {"dae": dae, "beta_vae": beta_vae}


def main() -> None:
    """One published loop. Its losses are left beside the turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--method", choices=LOOPS, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    turns = Turns("published", options.folder, 0)
    losses = LOOPS[options.method](options.data, turns, options.batch)
    np.save(options.folder / "published-0-losses.npy", losses)


if __name__ == "__main__":
    main()
