"""Quality of a space-group classifier over a whole evaluation set, from counts that add up over ranks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workloads.runtime.task import Arrays, Batch, Quality
from workloads.stemdl.model import CLASSES


class SpaceGroupQuality(Quality):
    """One confusion matrix (231, 231), true by predicted class, and the count of samples with their truth in the top
    five.
    """

    def __init__(self) -> None:
        self._confusion = torch.zeros(CLASSES * CLASSES, dtype=torch.int64)
        self._in_top_five = 0

    def update(self, model: nn.Module, batch: Batch) -> None:
        """Add the samples of a batch."""
        self.add(model(batch["input"]), batch["target"])

    def add(self, scores: Tensor, target: Tensor) -> None:
        """Add samples by their class scores (n, 231) and true classes (n,)."""
        best = scores.float().topk(5, dim=1).indices.cpu()
        target = target.cpu()
        self._confusion += torch.bincount(target * CLASSES + best[:, 0], minlength=CLASSES * CLASSES)
        self._in_top_five += int((best == target[:, None]).sum())

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """The confusion matrix, row by row, then the top-five count: (231 * 231 + 1,)."""
        return np.append(self._confusion.numpy(), self._in_top_five).astype(np.float64)

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """Return macro-F1, top-1 and top-5, each from 0 to 1.

        Macro-F1 is the mean, over the classes that occur in truth or prediction, of F1 = 2 TP / (2 TP + FP + FN), as in
        scikit-learn's f1_score(average="macro").
        """
        confusion = counts[:-1].reshape(CLASSES, CLASSES)
        total = confusion.sum()
        if total == 0:
            return {"macro_f1": 0.0, "top1": 0.0, "top5": 0.0}
        hits = np.diagonal(confusion)
        occurrences = confusion.sum(axis=0) + confusion.sum(axis=1)
        present = occurrences > 0
        return {
            "macro_f1": float(np.mean(2 * hits[present] / occurrences[present])),
            "top1": float(hits.sum() / total),
            "top5": float(counts[-1] / total),
        }
