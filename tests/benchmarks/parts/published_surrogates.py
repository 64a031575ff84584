"""neuraloperator's own network and loop on Darcy's equation as a side that takes turns; see ``turns.py``.

As its example examples/models/plot_FNO_darcy.py trains: an FNO of 8 modes and 24 channels, batches of 64 from a
``DataLoader`` without workers, its H1 loss summed over the batch, its AdamW 0.01 with a weight decay of 0.0001, its
``Trainer``'s iteration, and inputs that are standardised. The package is the user's: ``--site`` names the folder that
pip put it into.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from parts.published import Paced
from parts.turns import Turns


class Pairs(Dataset[Any]):
    """Standardised inputs with targets in memory, as the package's own data set hands them out."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.inputs, self.targets = torch.from_numpy(file["inputs"]), torch.from_numpy(file["targets"])
            self.mean, self.deviation = file["unit"].tolist()

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": self.inputs[index], "y": self.targets[index]}


class InUnit(nn.Module):
    """A network whose standardised outputs are brought to the targets' unit, so that both sides have one loss."""

    def __init__(self, network: nn.Module, mean: float, deviation: float) -> None:
        super().__init__()
        self.network, self.mean, self.deviation = network, mean, deviation

    def forward(self, x: Tensor, **others: Any) -> Tensor:
        made: Tensor = self.network(x) * self.deviation + self.mean
        return made


def main() -> None:
    """The loop. Its losses, a sample's mean, are left beside the turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--method", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--site", type=Path, required=True, help="folder with the package neuraloperator")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sys.path.append(str(options.site))
    neuralop: Any = importlib.import_module("neuralop")
    training: Any = importlib.import_module("neuralop.training")
    models: Any = importlib.import_module("neuralop.models")
    torch.manual_seed(1)
    pairs = Pairs(options.data)
    network = models.FNO(n_modes=(8, 8), in_channels=1, out_channels=1, hidden_channels=24, projection_channel_ratio=2)
    model = InUnit(network, pairs.mean, pairs.deviation)
    optimizer = training.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-4)
    # One-sided at the edges, as the pressure is not periodic; the example leaves the package's default, which is.
    loss_of, losses = neuralop.H1Loss(d=2, periodic_in_x=False, periodic_in_y=False), []
    turns = Turns("published", options.folder, 0)
    trainer = neuralop.Trainer(model=model, n_epochs=1, device="cpu", verbose=False)
    trainer.optimizer, trainer.regularizer, trainer.n_samples, trainer.epoch = optimizer, None, 0, 0
    model.train()
    loader = DataLoader(pairs, batch_size=options.batch, shuffle=True, drop_last=True)
    for number, sample in enumerate(Paced(loader, turns)):
        loss = trainer.train_one_batch(number, sample, loss_of)
        loss.backward()
        optimizer.step()
        losses.append(loss.item() / options.batch)
    np.save(options.folder / "published-0-losses.npy", losses)


if __name__ == "__main__":
    main()
