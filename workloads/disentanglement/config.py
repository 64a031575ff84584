"""What can be set of every method and data set of disentanglement. Imports no compute library."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

PREDICTED = ("codes", "images", "both")
NETWORKS = ("burgess", "study")
SPLITS = ("all", "held_out")
PRESETS = ("tiny", "small", "full")


@dataclass
class Model:
    """``benchmark.model`` of every method; methods/NAME_config.py adds what a method has of its own."""

    latent: int | None
    """Codes of an image; null: as many as the data have factors."""
    predicts: str
    """What ``mode=inference`` times: encoding to "codes", decoding to "images", or "both"."""
    forests: bool
    """Whether DCI is scored when a run is done: growing its random forests takes minutes."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        if self.latent is not None and self.latent < 2:
            raise ValueError(f"latent is {self.latent}; scores compare codes, so that an image needs two at least")
        require_one_of("predicts", self.predicts, PREDICTED)


@dataclass
class Variational(Model):
    """``benchmark.model`` of the variational autoencoders."""

    network: str
    """"burgess" (Burgess et al. 2018) or "study" (disentanglement_lib)."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        require_one_of("network", self.network, NETWORKS)


@dataclass
class DatasetOptions:
    """``benchmark.dataset`` of every data set."""

    source: str
    """"stand-in" or "real"."""
    version: str
    """Of the data from ``source``."""
    versions: dict[str, str]
    """The newest version of each source."""
    split: str
    """"all": methods see no factors, so they train on all images and are judged on some or all of the same.
    "held_out": images that quality is measured on are not trained on."""
    seed: int
    """What the evaluation images are drawn by, and factors that are no grid."""
    evaluation_images: int | None
    """The most images that quality is measured on; null: all, or of "held_out" a tenth."""
    preset: str
    """How many of the factors' values are there in data made here: "tiny", "small" or "full", which is all of them."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        require_one_of("split", self.split, SPLITS)
        require_one_of("preset", self.preset, PRESETS)
        if self.evaluation_images is not None and self.evaluation_images < 1:
            raise ValueError(f"evaluation_images is {self.evaluation_images}; quality needs one image at least")


def require_one_of(option: str, value: str, choices: Collection[str]) -> None:
    """Raise ValueError unless an option has one of the values that it may have."""
    if value not in choices:
        raise ValueError(f"{option} is {value!r}; expected one of {', '.join(choices)}")
