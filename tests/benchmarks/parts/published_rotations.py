"""A plain training loop of a group-equivariant network in escnn's layers, as a side that takes turns; see ``turns.py``.

In our words, from what is public: the iteration of escnn's own examples (Adam, cross-entropy, a ``DataLoader``). The
network has the widths, filters and pooling of our ``group_cnn``: it is that of our method ``steerable``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from parts.published import Paced
from parts.turns import Turns
from workloads.rotations.groups import Group
from workloads.rotations.methods.steerable import SteerableNetwork
from workloads.rotations.task import Disc


class Images(Dataset[Any]):
    """Images in memory, each made a tensor when it is asked for."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.images, self.labels = file["images"], file["labels"]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.from_numpy(self.images[index]).float() / 255, int(self.labels[index])


def main() -> None:
    """The loop. Its losses are left beside the turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--method", choices=["group_cnn"], required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    data = Images(options.data)
    network = SteerableNetwork(Group.named("C8"), [3, 6, 8], [5, 5, 5], [1, 2], int(data.labels.max()) + 1, 1)
    model = Disc(network)
    optimizer, loss_of = torch.optim.Adam(model.parameters(), lr=0.003), nn.CrossEntropyLoss()
    turns, losses = Turns("published", options.folder, 0), []
    for images, labels in Paced(DataLoader(data, batch_size=options.batch, shuffle=True), turns):
        optimizer.zero_grad()
        loss = loss_of(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    np.save(options.folder / "published-0-losses.npy", losses)


if __name__ == "__main__":
    main()
