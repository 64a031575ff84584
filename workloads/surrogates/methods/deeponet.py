"""deeponet: a network of the input's values at fixed sensors times one of the place that is asked for (Lu et al. 2021,
doi:10.1038/s42256-021-00302-5).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.surrogates.methods.mlp import MlpNetwork
from workloads.surrogates.networks import coordinates
from workloads.surrogates.task import FieldTask

LINEAR = {1: "linear", 2: "bilinear"}


class DeeponetNetwork(nn.Module):
    """Sensors are the points that were trained on; inputs on another grid are interpolated to them, and the target may
    be asked for on any grid.
    """

    def __init__(
        self, inputs: int, outputs: int, sensors: tuple[int, ...], widths: list[int], basis: int, periodic: bool,
        both_ends: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.sensors, self.periodic, self.both_ends = sensors, periodic, both_ends
        self.branch = MlpNetwork((inputs, *sensors), (outputs, basis), widths, nn.GELU())
        self.trunk = MlpNetwork((self.features(len(sensors)),), (basis,), widths, nn.GELU())
        self.bias = nn.Parameter(torch.zeros(outputs, 1))
        self.scale = 1 / math.sqrt(basis)

    def features(self, axes: int) -> int:
        """Numbers that a place is told by: on a circle its sine and cosine."""
        return 2 * axes if self.periodic else axes

    def measure(self, inputs: Tensor) -> Tensor:
        """The inputs at the sensors."""
        points = tuple(inputs.shape[2:])
        if points == self.sensors:
            return inputs
        if not self.both_ends:
            # The far end is put there, and taken out again: on a circle it is the near one, else like its neighbour.
            for axis in range(2, inputs.ndim):
                like = 0 if self.periodic else inputs.shape[axis] - 1
                inputs = torch.cat((inputs, inputs.narrow(axis, like, 1)), axis)
            size = [count + 1 for count in self.sensors]
            measured = functional.interpolate(inputs, size=size, mode=LINEAR[len(points)], align_corners=True)
            for axis, count in enumerate(self.sensors, start=2):
                measured = measured.narrow(axis, 0, count)
            return measured
        return functional.interpolate(inputs, size=self.sensors, mode=LINEAR[len(points)], align_corners=True)

    def forward(self, inputs: Tensor) -> Tensor:
        """Fields of the target's channels on the input's grid."""
        points = tuple(inputs.shape[2:])
        place = coordinates(points, self.both_ends, inputs).flatten(1).T
        if self.periodic:
            place = torch.cat(((2 * torch.pi * place).sin(), (2 * torch.pi * place).cos()), 1)
        made: Tensor = self.branch(self.measure(inputs)) @ self.trunk(place).T * self.scale + self.bias
        return made.view(*made.shape[:2], *points)


class Deeponet(FieldTask):
    """With ``model.layers`` hidden layers of ``model.width`` in both networks, and ``model.basis`` products."""

    def network(self, inputs: int, outputs: int) -> nn.Module:
        """By the ``model`` settings."""
        options, facts = self.settings["model"], self.description
        widths = [int(options["width"])] * int(options["layers"])
        return DeeponetNetwork(
            inputs, outputs, self.points, widths, int(options["basis"]), facts["periodic"], facts["both_ends"]
        )
