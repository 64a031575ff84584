"""What can be set of dms_scatter's model and data. Imports no compute library: the command line reads it too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Model:
    """``benchmark.model``: two convolutions and three fully connected layers."""

    widths: list[int]
    """Neurons of the two hidden layers that are fully connected."""
    dropout: float
    """Probability that a hidden neuron is left out of a step."""
    binning: int
    """Side of the blocks of pixels that are averaged first, as a detector does that is read out in bins."""


@dataclass
class DatasetOptions:
    """``benchmark.dataset``. What is below ``split`` describes the stand-in data alone."""

    source: str
    """"stand-in" or "real"."""
    version: str
    """Of the data from ``source``."""
    versions: dict[str, str]
    """The newest version of each source."""
    split: str
    """"published": the training file's own groups."""
    preset: str
    """How many patterns: "tiny", "small" or "full"."""
    seed: int
    """What they are drawn from."""
    evaluation_share: float
    """Part of the patterns held out, between 0 and 1."""
    inference_images: int
    """Patterns on top of the preset's, written as images."""
