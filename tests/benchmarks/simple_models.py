"""What a constant answer and a linear model score on a benchmark's data: the room below a network.

``python tests/benchmarks/simple_models.py slstr_cloud [benchmark.dataset.scenes=10 …]`` prints one line of JSON: the
benchmark's own metrics, over its own evaluation set, of the commonest class everywhere and of a logistic regression
(scikit-learn's, the best of three regularisations): on the nine channels of single pixels for slstr_cloud, on means
over 4 x 4 pixels for stemdl and 8 x 8 for dms_scatter. em_denoise, no classification, has its own
(``python -m workloads.em_denoise.baselines``).
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from parts import ours
from parts.turns import PROJECT
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workloads.dms_scatter.quality import PhaseQuality
from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.slstr_cloud.quality import mask_scores
from workloads.stemdl.quality import SpaceGroupQuality

REGULARISATIONS = (0.001, 0.01, 0.1)
PIXELS = 200_000
"""Pixels of slstr_cloud that the regression is fitted to."""

Features = NDArray[np.float32]
Classes = NDArray[np.int64]


def everything(folder: Path, part: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """All inputs and targets of a part."""
    samples = ConsolidatedSet(folder, part, ("input", "target"))
    arrays = samples.read(np.arange(len(samples)))
    return arrays["input"], arrays["target"]


def block_means(images: NDArray[Any], side: int) -> Features:
    """Means over blocks of side x side of (n, c, h, w), what is left over at the edges dropped: (n, features)."""
    count, channels, height, width = images.shape
    height, width = height // side, width // side
    cut = images[:, :, : height * side, : width * side].reshape(count, channels, height, side, width, side)
    return np.asarray(cut.mean(axis=(3, 5), dtype=np.float32).reshape(count, -1))


def pixels(folder: Path, part: str) -> tuple[Features, Classes]:
    """Single pixels of slstr_cloud; of the training patches some."""
    images, masks = everything(folder, part)
    features, classes = images.reshape(-1, images.shape[-1]), masks.reshape(-1).astype(np.int64)
    if part == "training":
        chosen = np.random.default_rng(0).integers(len(classes), size=PIXELS)
        features, classes = features[chosen], classes[chosen]
    return features.astype(np.float32), classes


def stacks(folder: Path, part: str) -> tuple[Features, Classes]:
    """Stacks of stemdl, 32 x 32."""
    images, groups = everything(folder, part)
    return block_means(images, 4), groups


def patterns(folder: Path, part: str) -> tuple[Features, Classes]:
    """Patterns of dms_scatter, channels last, 60 x 24."""
    images, classes = everything(folder, part)
    return block_means(images.transpose(0, 3, 1, 2), 8), classes


def mask_quality(predicted: Classes, truth: Classes) -> dict[str, float]:
    """Scores of cloud masks over all pixels."""
    counts = np.bincount(2 * truth + predicted, minlength=4)
    return mask_scores(*(float(counts[place]) for place in (3, 1, 2, 0)))


def class_quality(kind: Any, size: int) -> Callable[[Classes, Classes], dict[str, float]]:
    """Scores by a benchmark's own metrics for so many classes."""

    def quality(predicted: Classes, truth: Classes) -> dict[str, float]:
        import torch

        metrics = kind()
        metrics.add(torch.eye(size)[torch.from_numpy(predicted)], torch.from_numpy(truth))
        found: dict[str, float] = metrics.compute(metrics.counts, {})
        return found

    return quality


CASES: dict[str, tuple[Callable[[Path, str], tuple[Features, Classes]], Callable[[Classes, Classes], Any], str]] = {
    "slstr_cloud": (pixels, mask_quality, "accuracy"),
    "stemdl": (stacks, class_quality(SpaceGroupQuality, 231), "macro_f1"),
    "dms_scatter": (patterns, class_quality(PhaseQuality, 2), "accuracy"),
}


def measure(benchmark: str, words: list[str], data: Path) -> dict[str, Any]:
    """Fit to the training part, score on the evaluation part."""
    read, quality, metric = CASES[benchmark]
    folder = ours.ensure_data([f"benchmark={benchmark}", "benchmark.dataset.source=stand-in", *words], data)
    features, classes = read(folder, "training")
    unseen, truth = read(folder, "evaluation")
    commonest = np.full_like(truth, np.bincount(classes).argmax())
    fitted = {}
    for strength in REGULARISATIONS:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a regression that has not converged after 200 steps is good enough
            fitted[strength] = quality(model.fit(features, classes).predict(unseen), truth)
    best = max(fitted, key=lambda strength: fitted[strength][metric])
    return {
        "benchmark": f"simple_models/{benchmark}",
        "metric": metric,
        "constant": quality(commonest, truth),
        "linear": fitted[best],
        "regularisation": best,
        "training_samples": len(classes),
        "evaluation_samples": len(truth),
        "data": folder.name,
    }


def main() -> None:
    """Measure one benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmark", choices=CASES)
    parser.add_argument("overrides", nargs="*", help="what describes the data, such as benchmark.dataset.preset=tiny")
    parser.add_argument("--data", type=Path, default=PROJECT / "data")
    options = parser.parse_args()
    print(json.dumps(measure(options.benchmark, options.overrides, options.data)))


if __name__ == "__main__":
    main()
