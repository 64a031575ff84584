"""What can be set of stemdl's model and data. Imports no compute library: the command line reads it too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Model:
    """``benchmark.model``: a residual network."""

    depth: int
    """Layers: 10, 18, 34 or 50."""
    width: int
    """Filters of the first stage; each later one has twice as many."""
    zero_last_gamma: bool
    """Residual blocks begin as the identity."""


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
    """"material", or "random": the same materials in both parts, so an easier task with another target."""
    preset: str
    """Names the folder of the stand-in data."""
    seed: int
    """What they are drawn from."""
    space_groups: int
    """Classes, at most 230."""
    materials_per_space_group: int
    """Crystals of each class."""
    samples_per_material: int
    """Stacks of patterns of each crystal."""
    evaluation_share: float
    """Part of the materials (or stacks) held out, between 0 and 1."""
    largest_cell: int
    """Most atoms that a conventional cell may have."""
