"""How well the codes of a whole evaluation set tell its factors apart: scores of all codes at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import nn

from workloads.disentanglement.scores import evaluate
from workloads.runtime.task import Arrays, Batch, Quality

DRAWN_WITH = 1
"""Evaluations draw the same numbers every time, so that models are compared on the same draws."""


class CodesQuality(Quality):
    """The codes of all images beside their factors, and the reconstructions' error."""

    def __init__(self, task: object) -> None:
        from workloads.disentanglement.task import DisentanglementTask

        assert isinstance(task, DisentanglementTask)
        self._task = task
        self._rows: dict[str, list[npt.NDArray[np.generic]]] = {"codes": [], "factors": [], "error": []}

    def update(self, model: nn.Module, batch: Batch) -> None:
        """Add the codes of a batch."""
        images = self._task.to_images(batch)
        codes = self._task.encode(model, images)
        error = (self._task.decode(model, codes) - images).square().mean(dim=(1, 2, 3))
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
        """All scores, and "mse": the mean over images."""
        scores = evaluate(rows["codes"], rows["factors"], np.random.default_rng(DRAWN_WITH), forests=False)
        return {**scores, "mse": float(rows["error"].mean(dtype=np.float64))}
