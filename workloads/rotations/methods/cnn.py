"""cnn: a plain convolutional network, trained on images as they are."""

from __future__ import annotations

from workloads.rotations.task import RotationsTask


class Cnn(RotationsTask):
    """Nothing is said to it of angles."""
