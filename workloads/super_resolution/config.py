"""What can be set of every method and data set of super_resolution. Imports no compute library."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

SCALES = (2, 4, 8)
DEGRADATIONS = ("box", "bicubic", "gauss")
BOUNDARIES = ("zero", "reflect", "replicate", "circular", "partial", "padding_free")


@dataclass
class Model:
    """``benchmark.model`` of the interpolations: nothing to set."""


@dataclass
class Network(Model):
    """``benchmark.model`` of the networks; methods/NAME_config.py adds what a method has of its own."""

    residual: bool
    """Whether the network's image is added to the bicubic one. Most published networks make the whole image."""
    standardise: bool
    """Whether each coarse image's mean and deviation are taken out before the network, and put back behind it."""
    oriented: bool
    """Whether each patch is trained on in one of a square's eight orientations, drawn anew in every epoch."""


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
    """How the coarse fields come about, after "regions": no field, and no part of the globe or of an image, is in both
    parts. It follows from ``degradation`` and ``scale``, so that results of others never mix with these."""
    preset: str
    """Names the folder of the data made here."""
    seed: int
    """What they are drawn from, and noise."""
    scale: int
    """How many times coarser what is trained on is, along each axis: 2, 4 or 8."""
    evaluation_scales: list[int]
    """Further scales that quality is measured at, as ``x2/psnr`` and so on."""
    degradation: str
    """How coarse fields come about: "box" (means of cells), "bicubic" (Keys' kernel) or "gauss" (a standard deviation
    of half a coarse cell)."""
    patch: int
    """Height and width of what is trained on, fine cells."""
    stride: int
    """Fine cells from one patch of training to the next; less than ``patch``: they overlap within their region."""
    evaluation_patch: int
    """Height and width of what quality is measured on, fine cells; these never overlap."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        require_one_of("degradation", self.degradation, DEGRADATIONS)
        require_one_of("scale", self.scale, SCALES)
        for scale in self.evaluation_scales:
            require_one_of("evaluation_scales", scale, SCALES)
        expected = f"regions, {self.degradation} x{self.scale}"
        if self.split != expected:
            raise ValueError(f"split is {self.split!r}; it follows from degradation and scale: {expected!r}")
        require_multiple("patch", self.patch, self.scale, 2 * self.scale)
        require_multiple("stride", self.stride, self.scale, self.scale)
        coarsest = max(self.scale, *self.evaluation_scales)
        require_multiple("evaluation_patch", self.evaluation_patch, coarsest, max(16, 2 * coarsest))


def require_one_of(option: str, value: object, choices: Collection[object]) -> None:
    """Raise ValueError unless an option has one of the values that it may have."""
    if value not in choices:
        raise ValueError(f"{option} is {value!r}; expected one of {', '.join(map(str, choices))}")


def require_multiple(option: str, value: int, of: int, least: int) -> None:
    """Raise ValueError unless an option is a multiple of a scale, and large enough."""
    if value % of or value < least:
        raise ValueError(f"{option} is {value}; expected a multiple of {of}, from {least} on")
