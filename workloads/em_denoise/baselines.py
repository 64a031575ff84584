"""Scores of simple models on a data set: ``python -m workloads.em_denoise.baselines FOLDER``.

The constant is the mean of the clean training images. The linear model is a 7 x 7 filter and an offset, fitted by least
squares to every training image.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workloads.em_denoise.dataset import EmDenoiseDescription
from workloads.em_denoise.quality import DenoisingQuality
from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of

SIDE = 7
BATCH = 16


def load_batches(folder: Path, part: str) -> list[tuple[Tensor, Tensor]]:
    """Return noisy and clean images (n, 1, h, w) of a part."""
    samples = ConsolidatedSet(folder, part)
    indices = [np.arange(start, min(start + BATCH, len(samples))) for start in range(0, len(samples), BATCH)]
    read = (samples.read(some) for some in indices)
    return [(torch.from_numpy(arrays["input"]), torch.from_numpy(arrays["target"])) for arrays in read]


def fit_filter(pairs: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, float]:
    """Return the filter (1, 1, 7, 7) and the offset with the least squared error, over the places where the whole
    filter fits.
    """
    normal = torch.zeros(SIDE * SIDE + 1, SIDE * SIDE + 1, dtype=torch.float64)
    moments = torch.zeros(SIDE * SIDE + 1, dtype=torch.float64)
    rim = SIDE // 2
    for noisy, clean in pairs:
        patches = functional.unfold(noisy, SIDE).transpose(1, 2).reshape(-1, SIDE * SIDE)
        rows = torch.cat((patches, torch.ones(len(patches), 1)), dim=1)
        normal += (rows.T @ rows).double()
        moments += (rows.T @ clean[..., rim:-rim, rim:-rim].reshape(-1)).double()
    solution = torch.linalg.solve(normal, moments)
    return solution[:-1].float().reshape(1, 1, SIDE, SIDE), float(solution[-1])


def score_baselines(folder: Path) -> dict[str, dict[str, float]]:
    """Return the metrics of the constant and of the linear model on the evaluation set."""
    training, evaluation = load_batches(folder, "training"), load_batches(folder, "evaluation")
    mean = float(torch.cat([clean.mean(dim=(1, 2, 3)) for _, clean in training]).mean())
    weights, offset = fit_filter(training)
    data_range = float(read_description_of(folder, EmDenoiseDescription)["data_range"])
    constant, linear = DenoisingQuality(data_range), DenoisingQuality(data_range)
    for noisy, clean in evaluation:
        constant.add(torch.full_like(clean, mean), noisy, clean)
        padded = functional.pad(noisy, [SIDE // 2] * 4, mode="reflect")
        linear.add(functional.conv2d(padded, weights) + offset, noisy, clean)
    return {"constant": constant.compute(constant.counts, {}), "linear": linear.compute(linear.counts, {})}


if __name__ == "__main__":
    print(json.dumps(score_baselines(Path(sys.argv[1])), indent=1))
