"""Quality of cloud masks over a whole evaluation set, from counts that add up over ranks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workloads.runtime.task import Arrays, Batch, Quality
from workloads.slstr_cloud.formats import measured_mask
from workloads.slstr_cloud.geometry import Geometry
from workloads.slstr_cloud.inference import scene_logits

FRACTION = 2.0**32
"""Scores of scenes are added in steps of 1 / FRACTION. Such sums are exact, so their order does not matter."""

NAMES = ("accuracy", "iou", "f1")


def mask_scores(true_cloud: float, false_cloud: float, missed_cloud: float, true_clear: float) -> dict[str, float]:
    """Return pixel accuracy, IoU and F1 of "cloud", each from 0 to 1, from counts of pixels.

    IoU = TP / (TP + FP + FN) and F1 = 2 TP / (2 TP + FP + FN), as in scikit-learn's jaccard_score and f1_score. Without
    cloud in truth and prediction both are 1 (zero_division=1).
    """
    pixels = true_cloud + false_cloud + missed_cloud + true_clear
    either = true_cloud + false_cloud + missed_cloud
    return {
        "accuracy": (true_cloud + true_clear) / pixels if pixels else 0.0,
        "iou": true_cloud / either if either else 1.0,
        "f1": 2 * true_cloud / (true_cloud + either) if either else 1.0,
    }


class CloudQuality(Quality):
    """Counts of pixels (cloud or clear, true by predicted) in stitched scenes, and sums of each scene's own scores."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._pixels = np.zeros(4, np.float64)
        self._scenes = np.zeros(1 + len(NAMES), np.float64)

    def update(self, model: nn.Module, batch: Batch) -> None:
        """Add whole scenes: "input" (n, height, width, 9), "target" (n, height, width)."""
        for scene, truth in zip(batch["input"], batch["target"], strict=True):
            self.add(scene_logits(model, scene, self.geometry) > 0, truth > 0, measured_mask(scene))

    def add(self, predicted: Tensor, truth: Tensor, counted: Tensor | None = None) -> None:
        """Add one scene by its masks (height, width), true where cloud is; only the ``counted`` pixels, if given."""
        cells = 2 * truth.long() + predicted.long()
        cells = cells.flatten() if counted is None else cells[counted]
        true_clear, false_cloud, missed_cloud, true_cloud = torch.bincount(cells, minlength=4).tolist()
        found = (true_cloud, false_cloud, missed_cloud, true_clear)
        if not sum(found):
            return
        self._pixels += found
        own = mask_scores(*found)
        self._scenes += [1, *(round(own[name] * FRACTION) / FRACTION for name in NAMES)]

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """True cloud, false cloud, missed cloud, true clear; scenes; sums of their accuracies, IoUs, F1s: (8,)."""
        return np.concatenate([self._pixels, self._scenes])

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """Accuracy, IoU and F1 over all pixels of the set, and as means over scenes ("scene_…")."""
        scenes = float(counts[4])
        whole = mask_scores(*counts[:4].tolist()) if counts[:4].sum() else dict.fromkeys(NAMES, 0.0)
        means = {
            f"scene_{name}": float(total) / scenes if scenes else 0.0
            for name, total in zip(NAMES, counts[5:], strict=True)
        }
        return {**whole, **means}
