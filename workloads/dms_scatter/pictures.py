"""Pictures of patterns with true and predicted phases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workloads.dms_scatter.lattice import CLASSES
from workloads.runtime.task import SampleSet

OF_EACH_CLASS = 4
SEARCHED = 256
"""Most samples that are read to find some of each class."""
BRIGHTEST = 99.5
"""Percentile of a pattern's pixels that is drawn at full brightness."""


def chosen_samples(samples: SampleSet) -> NDArray[np.int64]:
    """Return the places of the first few samples of each class, by class: the same for every model."""
    count = min(len(samples), SEARCHED)
    labels = np.concatenate([samples.read(np.array([place]))["target"] for place in range(count)])
    return np.concatenate([np.flatnonzero(labels == label)[:OF_EACH_CLASS] for label in range(len(CLASSES))])


def draw_patterns(
    images: NDArray[np.float32], targets: NDArray[np.int64], probabilities: NDArray[np.float32], path: Path
) -> None:
    """Write a PNG of the patterns (n, 487, 195, 3), their channels as red, green and blue, each above its phases.

    ``targets`` (n,) are the true classes, ``probabilities`` (n, 2) the predicted ones.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.75 * len(images), 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle("Diffuse multiple scattering: true phase, and predicted with its probability", fontsize=11)
    rows = figure.subplots(1, len(images), squeeze=False)[0]
    for axes, image, target, probability in zip(rows, images, targets.tolist(), probabilities, strict=True):
        predicted = int(probability.argmax())
        axes.imshow(np.clip(image / max(float(np.percentile(image, BRIGHTEST)), 1e-6), 0, 1) ** 0.7)
        axes.set_axis_off()
        verdict = "right" if predicted == target else "wrong"
        axes.set_title(
            f"{CLASSES[target]}\n{verdict}: {CLASSES[predicted]} {probability[predicted]:.2f}",
            fontsize=8,
            color="black" if predicted == target else "firebrick",
        )
    figure.savefig(path, dpi=110, format="png")
