"""Plain training loops of super-resolution as sides that take turns; see ``turns.py``.

In our words, from what is public: of yjn870/SRCNN-pytorch the data set, the optimiser with a tenth of the rate for the
last layer, and train.py's iteration; of sanghyun-son/EDSR-PyTorch the loss, the optimiser and the trainer's iteration.
Networks are those of the papers, for one channel, in PyTorch's own layers. Both float32 in PyTorch's default memory
layout, patches one by one from memory through a ``DataLoader`` without workers, the loss looked at in every step.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from parts.published import Paced
from parts.turns import Turns


class Patches(Dataset[Any]):
    """Coarse and fine patches in memory, each made a tensor when it is asked for."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.coarse, self.fine = file["coarse"], file["fine"]

    def __len__(self) -> int:
        return len(self.coarse)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.coarse[index]), torch.from_numpy(self.fine[index])


class PublishedSrcnn(nn.Module):
    """Three convolutions of patches that were enlarged before."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 9, padding=4)
        self.conv2 = nn.Conv2d(64, 32, 1)
        self.conv3 = nn.Conv2d(32, 1, 5, padding=2)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv3(self.relu(self.conv2(self.relu(self.conv1(x)))))
        return made


class PublishedBlock(nn.Module):
    """A residual block with its scale."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(True), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        changed = self.body(x).mul(1.0)
        changed += x
        return changed  # type: ignore[no-any-return]


class PublishedEdsr(nn.Module):
    """The baseline: 16 blocks of 64 channels, twice enlarged by two."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(1, 64, 3, padding=1)
        self.body = nn.Sequential(*(PublishedBlock(64) for _ in range(16)), nn.Conv2d(64, 64, 3, padding=1))
        up = [layer for _ in range(2) for layer in (nn.Conv2d(64, 256, 3, padding=1), nn.PixelShuffle(2))]
        self.tail = nn.Sequential(*up, nn.Conv2d(64, 1, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        changed = self.body(x)
        changed += x
        made: Tensor = self.tail(changed)
        return made


def train(model: nn.Module, loss_of: nn.Module, groups: Any, data: Path, turns: Turns, batch: int) -> list[float]:
    """Both loops' iteration."""
    optimizer, losses = torch.optim.Adam(groups, lr=1e-4), []
    for coarse, fine in Paced(DataLoader(Patches(data), batch_size=batch, shuffle=True), turns):
        optimizer.zero_grad()
        loss = loss_of(model(coarse), fine)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses


def srcnn(data: Path, turns: Turns, batch: int, last_rate: float, seed: int | None) -> list[float]:
    """Published: train.py, Adam 0.0001, the last layer 0.00001, mean squared error; seed 123."""
    torch.manual_seed(123 if seed is None else seed)
    model = PublishedSrcnn()
    slow = {"params": model.conv3.parameters(), "lr": last_rate}
    groups = [{"params": model.conv1.parameters()}, {"params": model.conv2.parameters()}, slow]
    return train(model, nn.MSELoss(), groups, data, turns, batch)


def edsr(data: Path, turns: Turns, batch: int, last_rate: float, seed: int | None) -> list[float]:
    """Published: the trainer, Adam 0.0001, mean absolute error."""
    torch.manual_seed(1 if seed is None else seed)
    model = PublishedEdsr()
    return train(model, nn.L1Loss(), model.parameters(), data, turns, batch)


LOOPS: dict[str, Callable[[Path, Turns, int, float, int | None], list[float]]] = {"srcnn": srcnn, "edsr": edsr}


def main() -> None:
    """One plain loop. Its losses are left beside the turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--method", choices=LOOPS, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--last-rate", type=float, default=1e-5, help="of srcnn's last layer")
    parser.add_argument("--seed", type=int, help="of the weights; left out: the published one")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    turns = Turns("published", options.folder, 0)
    losses = LOOPS[options.method](options.data, turns, options.batch, options.last_rate, options.seed)
    np.save(options.folder / "published-0-losses.npy", losses)


if __name__ == "__main__":
    main()
