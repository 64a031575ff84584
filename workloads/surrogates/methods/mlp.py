"""mlp: layers that are fully connected, of numbers, or of a field's values on the grid that is trained on and no
other.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from workloads.surrogates.task import FieldTask

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "sigmoid": nn.Sigmoid}


class MlpNetwork(nn.Module):
    """Values (n, *before) to values (n, *after), by hidden layers of ``widths``."""

    def __init__(
        self, before: tuple[int, ...], after: tuple[int, ...], widths: list[int], activation: nn.Module
    ) -> None:
        super().__init__()
        self.before, self.after = before, after
        sizes = [math.prod(before), *widths]
        layers = [nn.Sequential(nn.Linear(*pair), activation) for pair in pairwise(sizes)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], math.prod(after)))

    def forward(self, values: Tensor) -> Tensor:
        """Values of the shape that comes out. Raises ValueError for another grid."""
        if values.shape[1:] != self.before:
            raise ValueError(f"mlp was built for fields {self.before}, and takes none {tuple(values.shape[1:])}")
        made: Tensor = self.layers(values.flatten(1))
        return made.view(-1, *self.after)


class Mlp(FieldTask):
    """With ``model.layers`` hidden layers of ``model.width``."""

    any_grid = False

    def network(self, inputs: int, outputs: int) -> nn.Module:
        """By the ``model`` settings."""
        options = self.settings["model"]
        widths = [int(options["width"])] * int(options["layers"])
        before = (inputs, *self.description["input_shape"][1:])
        return MlpNetwork(before, (outputs, *self.points), widths, ACTIVATIONS[options["activation"]]())
