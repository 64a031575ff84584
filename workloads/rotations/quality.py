"""Quality at any angle: what a network answers to each image turned around the circle, as sums that add up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workloads.rotations.turning import ANGLES, QUARTER, turn
from workloads.runtime.task import Arrays, Batch, Quality

STEP = 2.0**-32
"""In which errors are added: sums over ten thousands of images are exact, so that ranks may add them in any order."""
QUARTERS = np.array([angle % QUARTER == 0 for angle in ANGLES])
"""Which angles take pixels to pixels."""


def to_images(batch: Batch) -> Tensor:
    """A batch's images (n, c, h, w) in [0, 1], of bytes or of numbers in that range."""
    images = batch["image"]
    return images.float() / 255 if images.dtype == torch.uint8 else images


def answers_around(model: nn.Module, images: Tensor) -> Tensor:
    """The probabilities (angles, n, classes) that a model of scores gives to images (n, c, h, w) at each angle."""
    return torch.stack([model(turn(images, angle)).float().softmax(1) for angle in ANGLES])


class TurnedQuality(Quality):
    """Hits at each angle, images whose answer is the same at all, and the distances between answers."""

    def __init__(self, classes: int) -> None:
        self._hits = np.zeros((len(ANGLES), classes))
        """By angle and true class."""
        self._images = np.zeros(classes)
        self._consistent = 0
        self._distance = 0.0

    def update(self, model: nn.Module, batch: Batch) -> None:
        """Add the images of a batch."""
        self.add(answers_around(model, to_images(batch)), batch["label"])

    def add(self, answers: Tensor, labels: Tensor) -> None:
        """Add images by the probabilities of classes at each angle (angles, n, classes) and their class (n,)."""
        best = answers.argmax(2).cpu()
        known = labels.cpu()
        members = torch.nn.functional.one_hot(known, len(self._images)).double()
        self._hits += ((best == known).double() @ members).numpy()
        self._images += members.sum(0).numpy()
        self._consistent += int((best == best[0]).all(0).sum())
        # Two answers are at most √2 apart.
        apart = (answers - answers[0]).double().norm(dim=2).mean(0).cpu().numpy() / np.sqrt(2)
        self._distance += float((np.rint(apart / STEP)).sum() * STEP)

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Hits by angle and class, images by class, consistent images, and the sum of distances."""
        return np.concatenate((self._hits.ravel(), self._images, [self._consistent, self._distance]))

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """From 0 to 1: ``accuracy`` upright; its mean, minimum and ``gap`` over the angles (quarters less the others);
        ``quarter_accuracy``, the least at the quarters; ``invariance_error``; ``consistency``; and of each class.

        ``invariance_error`` is the mean over images and angles of |f(Rx) − f(x)| / √2, f being the probabilities.
        """
        classes = len(self._images)
        hits, (images, rest) = counts[: len(ANGLES) * classes].reshape(-1, classes), (
            counts[-classes - 2 : -2], counts[-2:]
        )  # fmt: skip
        total = max(1.0, float(images.sum()))
        by_angle = hits.sum(1) / total
        found = {
            "accuracy": by_angle[0],
            "mean_accuracy": by_angle.mean(),
            "minimum_accuracy": by_angle.min(),
            "quarter_accuracy": by_angle[QUARTERS].min(),
            "gap": by_angle[QUARTERS].mean() - by_angle[~QUARTERS].mean(),
            "invariance_error": rest[1] / total,
            "consistency": rest[0] / total,
        }
        found |= {f"accuracy_at_{angle:.0f}": value for angle, value in zip(ANGLES, by_angle, strict=True)}
        of_classes = hits.mean(0) / np.maximum(1.0, images)
        found |= {f"accuracy_of_class_{number}": value for number, value in enumerate(of_classes)}
        return {name: float(value) for name, value in found.items()}
