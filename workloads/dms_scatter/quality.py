"""Quality of a two-phase classifier over a whole evaluation set, from counts that add up over ranks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workloads.dms_scatter.lattice import CLASSES
from workloads.runtime.task import Arrays, Batch, Quality


class PhaseQuality(Quality):
    """One confusion matrix (2, 2), true by predicted class."""

    def __init__(self) -> None:
        self._confusion = torch.zeros(len(CLASSES) ** 2, dtype=torch.int64)

    def update(self, model: nn.Module, batch: Batch) -> None:
        """Add the samples of a batch."""
        self.add(model(batch["input"]), batch["target"])

    def add(self, scores: Tensor, target: Tensor) -> None:
        """Add samples by their class scores (n, 2) and true classes (n,)."""
        predicted = scores.argmax(dim=1).cpu()
        self._confusion += torch.bincount(target.cpu() * len(CLASSES) + predicted, minlength=len(CLASSES) ** 2)

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """The confusion matrix, row by row: (4,)."""
        return self._confusion.numpy().astype(np.float64)

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """Return accuracy, macro-F1 and each class's recall, 0 to 1, and the matrix, as counts of "TRUE_as_PREDICTED".

        The definitions are scikit-learn's (accuracy_score, f1_score and recall_score, zero_division=0). Macro-F1 is the
        mean over the classes that occur in truth or prediction.
        """
        confusion = counts.reshape(len(CLASSES), len(CLASSES))
        total, hits, truths = confusion.sum(), np.diagonal(confusion), confusion.sum(axis=1)
        occurrences = truths + confusion.sum(axis=0)
        present = occurrences > 0
        values = {
            "accuracy": float(hits.sum() / total) if total else 0.0,
            "macro_f1": float(np.mean(2 * hits[present] / occurrences[present])) if total else 0.0,
        }
        for label, name in enumerate(CLASSES):
            values[f"recall_{name}"] = float(hits[label] / truths[label]) if truths[label] else 0.0
        for label, name in enumerate(CLASSES):
            for other, predicted in enumerate(CLASSES):
                values[f"{name}_as_{predicted}"] = float(confusion[label, other])
        return values
