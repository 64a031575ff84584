"""How well the codes of a whole evaluation set tell its factors apart: scores of all codes at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workloads.disentanglement.scores import evaluate, nothing
from workloads.disentanglement.scores.jacobian import SAMPLES, orthogonality
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

    def __init__(self, coder: Coder, forests: bool) -> None:
        self._coder, self._forests = coder, forests
        self._model: nn.Module | None = None

    def update(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Keep a batch's codes (n, d), factors (n, k), and each image's mean squared error (n,)."""
        self._model = model
        images = self._coder.to_images(batch)
        codes = self._coder.encode(model, images)
        error = (self._coder.decode(model, codes) - images).square().mean(dim=(1, 2, 3))
        return {"codes": codes, "factors": batch["factors"], "error": error}

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Nothing: all is kept as rows."""
        return np.zeros(0)

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """All scores but those that grow forests, and "mse": the mean over images."""
        return scores_of(rows, forests=False)

    def conclude(self, counts: npt.NDArray[np.float64], rows: Arrays, alive: Callable[[], None]) -> dict[str, float]:
        """All of them, forests where they are wanted, and "orthogonality" of the decoder, at codes from all over the
        set.
        """
        scores, model = scores_of(rows, self._forests, alive), self._model
        if model is not None:
            codes = rows["codes"]
            chosen = np.linspace(0, len(codes) - 1, min(len(codes), SAMPLES)).round().astype(np.int64)
            device = next(model.parameters()).device
            scores["orthogonality"] = orthogonality(
                lambda at: self._coder.decode(model, at), torch.from_numpy(codes[chosen]).to(device), alive
            )
        return scores


def scores_of(rows: Arrays, forests: bool, alive: Callable[[], None] = nothing) -> dict[str, float]:
    """The scores of the rows' codes, and the mean of their errors."""
    drawing, workers = np.random.default_rng(DRAWN_WITH), torch.get_num_threads()
    scores = evaluate(rows["codes"], rows["factors"], drawing, forests, alive, workers)
    return {**scores, "mse": float(rows["error"].mean(dtype=np.float64))}
