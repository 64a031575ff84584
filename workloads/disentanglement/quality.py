"""How well the codes of a whole evaluation set tell its factors apart: scores of all codes at once."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from workloads.disentanglement.scores import evaluate
from workloads.runtime.task import Arrays, Batch, Quality

DRAWN_WITH = 1
"""Evaluations draw the same numbers every time, so that models are compared on the same draws."""


class Coder(Protocol):
    """A method that has codes for images, and images for codes."""

    def to_images(self, batch: Batch) -> Tensor:
        """A batch's images (n, c, h, w)."""

    def encode(self, model: nn.Module, images: Tensor) -> Tensor:
        """Their codes (n, d)."""

    def decode(self, model: nn.Module, codes: Tensor) -> Tensor:
        """The images that codes stand for."""


class CodesQuality(Quality):
    """The codes of all images beside their factors, and the reconstructions' error."""

    def __init__(self, coder: Coder) -> None:
        self._coder = coder
        self._rows: dict[str, list[npt.NDArray[np.generic]]] = {"codes": [], "factors": [], "error": []}

    def update(self, model: nn.Module, batch: Batch) -> None:
        """Add the codes of a batch."""
        images = self._coder.to_images(batch)
        codes = self._coder.encode(model, images)
        error = (self._coder.decode(model, codes) - images).square().mean(dim=(1, 2, 3))
        for name, tensor in (("codes", codes), ("factors", batch["factors"]), ("error", error)):
            self._rows[name].append(tensor.cpu().numpy())

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Nothing: all is kept as rows."""
        return np.zeros(0)

    @property
    def rows(self) -> Arrays:
        """Codes (n, d), factors (n, k), and each image's mean squared error (n,)."""
        return {name: np.concatenate(found) for name, found in self._rows.items() if found}

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """All scores but those that grow forests, and "mse": the mean over images."""
        return scores_of(rows, forests=False)

    def conclude(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """All of them."""
        return scores_of(rows, forests=True)


def scores_of(rows: Arrays, forests: bool) -> dict[str, float]:
    """The scores of the rows' codes, and the mean of their errors."""
    scores = evaluate(rows["codes"], rows["factors"], np.random.default_rng(DRAWN_WITH), forests)
    return {**scores, "mse": float(rows["error"].mean(dtype=np.float64))}
