"""How good a surrogate's answers are over a whole evaluation set: fields, or one number each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workloads.runtime.task import Arrays, Batch, Quality
from workloads.surrogates import scores
from workloads.surrogates.datasets.pairs import PairsDescription

MOST_STEPS = 10
"""Steps of a roll-out that have a metric each."""


class FieldQuality(Quality):
    """Scores of each sample as rows: they come together in the samples' order, so that means are the same for any
    number of ranks. ``suffix`` says on which grid, "" or "_31".
    """

    def __init__(self, predict: Callable[[nn.Module, Tensor], Tensor], suffix: str, facts: PairsDescription) -> None:
        self.predict, self.suffix, self.facts = predict, suffix, facts

    @property
    def names(self) -> list[str]:
        """The scores' names, in the order of a row."""
        names = ["relative_l2", "h1", "nrmse", "vrmse", "maximum", *(["drift"] if self.facts["conserves"] else [])]
        return names + [f"step{step + 1}/relative_l2" for step in self.steps]

    @property
    def steps(self) -> list[int]:
        """The steps of a roll-out that have a metric, the last among them."""
        rolls = self.facts["rolls"]
        return sorted({int(step) for step in np.linspace(0, rolls - 1, min(rolls, MOST_STEPS)).round()})

    def update(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Keep a batch's scores."""
        truth = batch[f"target{self.suffix}"].double()
        made = self.predict(model, batch[f"input{self.suffix}"]).double()
        columns = [
            scores.relative_l2(made, truth),
            scores.relative_h1(made, truth, self.facts["periodic"], self.facts["both_ends"]),
            scores.nrmse(made, truth),
            scores.vrmse(made, truth),
            scores.maximum(made, truth),
        ]
        if self.facts["conserves"]:
            columns.append(scores.drift(made, truth))
        by_step = scores.channel_errors(made, truth)
        columns += [by_step[:, step] for step in self.steps]
        return {"scores": torch.stack(columns, 1)}

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Nothing: all is kept as rows."""
        return np.zeros(0)

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """Means over samples; of "maximum" the largest."""
        columns = dict(zip(self.names, rows["scores"].T, strict=True))
        return {name: float(each.max() if name == "maximum" else each.mean()) for name, each in columns.items()}


class ValueQuality(Quality):
    """How good answers are that are one number each: both as rows, in the set's order."""

    def __init__(self, predict: Callable[[nn.Module, Tensor], Tensor]) -> None:
        self.predict = predict

    def update(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Keep answers and truths."""
        made = self.predict(model, batch["input"]).double()
        return {"values": torch.stack((made.flatten(), batch["target"].double().flatten()), 1)}

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Nothing: all is kept as rows."""
        return np.zeros(0)

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """Norm of the errors over that of the truths, root mean square and mean absolute error, the share of the
        variance that is explained, and the largest error.
        """
        made, truth = rows["values"].T
        error = made - truth
        squared, variance = float(np.square(error).mean()), float(np.square(truth - truth.mean()).mean())
        return {
            "relative_l2": float(np.sqrt(squared / max(np.square(truth).mean(), scores.SMALLEST))),
            "rmse": float(np.sqrt(squared)),
            "mae": float(np.abs(error).mean()),
            "r2": 1 - squared / max(variance, scores.SMALLEST),
            "maximum": float(np.abs(error).max()),
        }
