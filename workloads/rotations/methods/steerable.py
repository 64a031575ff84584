"""steerable: the network of group_cnn in the layers of escnn (Cesa, Lang and Weiler 2022), where it is installed."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn import functional

from orchestrator.records.settings import Settings
from workloads.rotations.groups import Group
from workloads.rotations.task import RotationsTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self


NEEDED = "method=steerable needs escnn, and lie-learn, which escnn imports, built for NumPy 2"


class SteerableNetwork(nn.Module):
    """Scores (n, classes) of images (n, c, h, w) in [0, 1]: the counterpart of groups.GroupNetwork."""

    def __init__(
        self, group: Group, fields: Sequence[int], kernels: Sequence[int], halved_after: Sequence[int], classes: int,
        channels: int,
    ) -> None:  # fmt: skip
        super().__init__()
        try:
            from escnn import nn as layers
        except ImportError as error:
            raise ImportError(f"{NEEDED} ({error})") from error
        space = space_of(group)
        kind = layers.FieldType(space, [space.trivial_repr] * channels)
        self.images = kind
        self.layers = nn.ModuleList()
        for count, size in zip(fields, kernels, strict=True):
            following = layers.FieldType(space, [space.regular_repr] * count)
            self.layers.append(layers.R2Conv(kind, following, size, padding=size // 2))
            kind = following

        self.order, self.halved_after = group.order, frozenset(halved_after)
        self.classify = nn.Linear(fields[-1], classes)
        # escnn's layers begin with the buffers that they keep in evaluation.
        self.train()

    def forward(self, images: Tensor) -> Tensor:
        """Scores of each class."""
        from escnn.nn import GeometricTensor

        maps, kind = images, self.images
        for number, layer in enumerate(self.layers, start=1):
            maps, kind = layer(GeometricTensor(maps, kind)).tensor.relu(), layer.out_type
            if number in self.halved_after:
                maps = functional.avg_pool2d(maps, 2)
        scores: Tensor = self.classify(maps.unflatten(1, (-1, self.order)).mean((2, 3, 4)))
        return scores

    def train(self, mode: bool = True) -> Self:
        """escnn's layers stay as in training: in evaluation they keep their filters as buffers, which are in no other
        mode's state, and which ranks would average.
        """
        super().train(mode)
        for layer in self.layers:
            layer.train(True)
        return self


@functools.cache
def space_of(group: Group) -> Any:
    """escnn's plane with that group's symmetry."""
    from escnn import gspaces

    if group.mirrors:
        return gspaces.flipRot2dOnR2(group.turns)
    return gspaces.rot2dOnR2(group.turns) if group.turns > 1 else gspaces.trivialOnR2()


class Steerable(RotationsTask):
    """Trained on images as they are."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder)
        self.group = str(settings["model"]["group"])

    def build_network(self) -> nn.Module:
        """The network of the benchmark's ``model`` settings."""
        options = self.settings["model"]
        return SteerableNetwork(
            Group.named(self.group), options["fields"], options["kernels"], options["halved_after"], len(self.classes),
            self.shape[0],
        )  # fmt: skip
