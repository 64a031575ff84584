"""What can be set of every method and data set of rotations. Imports no compute library."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

GROUPS = ("C1", "C4", "C8", "C16", "D4", "D8", "D16")
"""Turns, and for D mirror images too, under which a network's layers may be equivariant. C1 is a plain network."""
SPLITS = ("test", "validation")
POSES = ("upright", "published")


@dataclass
class Model:
    """``benchmark.model`` of every method; methods/NAME_config.py adds what a method has of its own."""

    fields: list[int]
    """Feature maps of each layer, of which a group has one for each of its elements."""
    kernels: list[int]
    """Height and width of each layer's filters, pixels: odd numbers."""
    halved_after: list[int]
    """Layers, counted from 1, after which the images are half as high and wide."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        if not self.fields or min(self.fields) < 1:
            raise ValueError(f"fields is {self.fields}; expected one positive number or more")
        if len(self.kernels) != len(self.fields) or not all(size > 0 and size % 2 for size in self.kernels):
            raise ValueError(f"kernels is {self.kernels}; expected {len(self.fields)} odd numbers, one a layer")
        if not all(1 <= layer <= len(self.fields) for layer in self.halved_after):
            raise ValueError(f"halved_after is {self.halved_after}; expected layers from 1 to {len(self.fields)}")


@dataclass
class DatasetOptions:
    """``benchmark.dataset`` of every data set; datasets/NAME_config.py adds what a data set has of its own."""

    source: str
    """"stand-in" or "real"."""
    version: str
    """Of the data from ``source``."""
    versions: dict[str, str]
    """The newest version of each source."""
    split: str
    """"test", or "validation", which trains on four fifths of test's training part and judges by the rest of it."""
    preset: str
    """Names the folder of data made here."""
    seed: int
    """What data made here are drawn by."""
    images: int
    """How many images are made here, of all classes."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        require_one_of("split", self.split, SPLITS)


@dataclass
class PosedOptions(DatasetOptions):
    """``benchmark.dataset`` of what has no upright pose by itself."""

    poses: str
    """"upright": each image is turned so that its long axis is vertical, its heavier end above; or "published"."""
    pixels: int
    """Height and width of the images, to which the published ones are averaged: a divisor of theirs."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        require_one_of("poses", self.poses, POSES)


def require_divisor(option: str, value: int, whole: int) -> None:
    """Raise ValueError unless an option divides a number of pixels."""
    if value < 1 or whole % value:
        raise ValueError(f"{option} is {value}; expected a divisor of {whole}")


def require_one_of(option: str, value: str, choices: Collection[str]) -> None:
    """Raise ValueError unless an option has one of the values that it may have."""
    if value not in choices:
        raise ValueError(f"{option} is {value!r}; expected one of {', '.join(choices)}")
