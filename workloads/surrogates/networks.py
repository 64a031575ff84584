"""What stands around every method's network: units, coordinates, and steps in time."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def wide_type(values: Tensor) -> torch.dtype:
    """Single precision at least, whatever the values' type: for what bfloat16's 8 bits are too few, such as a small
    deviation beside a large mean.
    """
    return torch.promote_types(values.dtype, torch.float32)


class Surrogate(nn.Module):
    """A network that sees standardised inputs and whose outputs are standardised targets.

    ``means`` and ``deviations`` are of the inputs and of the targets, over the training part: evaluation uses no
    others.
    """

    def __init__(self, network: nn.Module, means: list[float], deviations: list[float]) -> None:
        super().__init__()
        self.network = network
        self.means, self.deviations = means, deviations

    def forward(self, inputs: Tensor) -> Tensor:
        """Targets of inputs, both in the stored unit."""
        standard = (inputs - self.means[0]) / self.deviations[0]
        made: Tensor = self.network(standard)
        return made.to(wide_type(made)) * self.deviations[1] + self.means[1]


class RollOut(nn.Module):
    """Steps in time by a network that makes the next frame (n, 1, …) of the last ones (n, c, …): (n, steps, …)."""

    def __init__(self, network: nn.Module, steps: int) -> None:
        super().__init__()
        self.network, self.steps = network, steps

    def forward(self, frames: Tensor) -> Tensor:
        """The frames that follow, each made of those before, whether given or made."""
        made = []
        for _ in range(self.steps):
            following = self.network(frames)
            made.append(following)
            frames = torch.cat((frames[:, 1:], following), 1)
        return torch.cat(made, 1)


def coordinates(points: tuple[int, ...], both_ends: bool, like: Tensor) -> Tensor:
    """Positions of a grid's points on [0, 1] along each axis, (axes, *points): 1 is among them if both ends are."""
    each = [
        torch.linspace(0, 1 if both_ends else (count - 1) / count, count, dtype=like.dtype, device=like.device)
        for count in points
    ]
    return torch.stack(torch.meshgrid(*each, indexing="ij"))
