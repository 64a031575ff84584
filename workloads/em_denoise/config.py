"""What can be set of em_denoise's data. Imports no compute library: the command line reads it too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Model:
    """``benchmark.model``: the published network has nothing to set."""


@dataclass
class DatasetOptions:
    """``benchmark.dataset``. What is below ``pixels`` describes the stand-in data alone."""

    source: str
    """"stand-in" or "real"."""
    version: str
    """Of the data from ``source``."""
    versions: dict[str, str]
    """The newest version of each source."""
    split: str
    """"test", the published test images, or "held_out", the last tenth of the training images."""
    pixels: int
    """Height and width of an image."""
    preset: str
    """Names the folder of the stand-in data."""
    seed: int
    """What they are drawn from."""
    training_images: int
    """Pairs of noisy and clean images to train on."""
    evaluation_images: int
    """Pairs to measure quality on."""
    inference_images: int
    """Noisy images alone."""
