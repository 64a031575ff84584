"""What can be set of slstr_cloud's model and data. Imports no compute library: the command line reads it too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Model:
    """``benchmark.model``: a U-Net and its loss."""

    width: int
    """Filters of the first level; each deeper one has twice as many."""
    merge_enlargement: bool
    """Enlargement and the convolution behind it as one: the same function with fewer products."""
    cloud_weight: float
    """Weight of cloudy pixels in the loss; 0.5 in stfc-sciml/e2e."""
    rim: int
    """Pixels at a patch's edges that the loss leaves out; 15 in stfc-sciml/e2e."""


@dataclass
class DatasetOptions:
    """``benchmark.dataset``. What is below ``crop`` describes the stand-in data alone."""

    source: str
    """"stand-in" or "real"."""
    version: str
    """Of the data from ``source``."""
    versions: dict[str, str]
    """The newest version of each source."""
    split: str
    """"file": as the published folders have it."""
    height: int
    """Pixels of a scene."""
    width: int
    """Pixels of a scene."""
    patch: int
    """Pixels along the side of a patch."""
    crop: int
    """Pixels cut off an inferred patch, half of them on each side."""
    preset: str
    """Names the folder of the stand-in data."""
    seed: int
    """What they are drawn from."""
    scenes: int
    """Scenes for training, and as many for evaluation."""
