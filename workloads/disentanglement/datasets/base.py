"""What all data sets of disentanglement share: images with the factors behind them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from workloads.runtime.dataset import ConsolidatedDataset
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.consolidated import Description, Field


class FactorsDescription(Description):
    """``factor_names`` and ``factor_sizes``: what varies, and how many values each has."""

    factor_names: list[str]
    factor_sizes: list[int]


class FactorDataset(ConsolidatedDataset):
    """Samples of an "image" (c, h, w), uint8 or float32 in [0, 1], and its "factors" (k,), the class of each."""

    NAME = "disentanglement"
    SET: ClassVar[str]
    """The data set's own name."""
    MADE_OF = ("source", "version", "split", "seed", "stride", "evaluation_images")

    @property
    @abstractmethod
    def image(self) -> Field:
        """Shape and type of an image."""

    @property
    @abstractmethod
    def factors(self) -> Mapping[str, int]:
        """Names of the factors and how many values each has."""

    @property
    def fields(self) -> dict[str, Field]:
        """An image and its factors."""
        return {"image": self.image, "factors": Field((len(self.factors),), "int64")}

    @property
    def folder_name(self) -> str:
        """Such as "disentanglement/xyc-stand-in-1-small-seed1-ab12cd34"."""
        settings = self.settings
        made = f"{settings['version']}-{settings['preset']}-seed{settings['seed']}"
        return f"{self.NAME}/{self.SET}-{settings['source']}-{made}-{consolidated.settings_digest(self.made_of)}"
