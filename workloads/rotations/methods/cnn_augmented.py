"""cnn_augmented: the plain network, trained on images at angles that are drawn anew in every epoch."""

from __future__ import annotations

import functools

from torch import Tensor

from workloads.rotations.quality import to_images
from workloads.rotations.samples import WithAngles
from workloads.rotations.task import RotationsTask
from workloads.rotations.turning import turn_each
from workloads.runtime.task import Batch, SampleSet


class CnnAugmented(RotationsTask):
    """It has to learn every class at every angle."""

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """The images, each with an angle."""
        return WithAngles(self.images, self.seed)

    def training_images(self, batch: Batch) -> Tensor:
        """The images, turned bilinearly."""
        return turn_each(to_images(batch), batch["degrees"])
