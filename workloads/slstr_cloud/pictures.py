"""Pictures of scenes with their labels and the predicted masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workloads.slstr_cloud.formats import NOT_MEASURED, REFLECTANCE_OFFSET, TEMPERATURE_OFFSET, TEMPERATURE_SCALE

PICTURED = 4


def draw_scenes(
    path: Path, scenes: NDArray[np.float16], truths: NDArray[np.uint8], probabilities: NDArray[np.floating]
) -> None:
    """Write a PNG of normalised scenes (n, h, w, 9), labels (n, h, w) and probabilities of cloud (n, h, w)."""
    from matplotlib.figure import Figure

    titles = ("reflectance S5, S3, S1", "brightness temperature S8, K", "label", "probability of cloud", "differences")
    figure = Figure(figsize=(3.1 * len(titles), 2.7 * len(scenes)), layout="constrained")
    rows = figure.subplots(len(scenes), len(titles), squeeze=False)
    for row, scene, truth, probability in zip(rows, scenes, truths, probabilities, strict=True):
        colours = (scene[..., [4, 2, 0]].astype(np.float32) + REFLECTANCE_OFFSET).clip(0, 1)
        kelvin = scene[..., 7].astype(np.float32) * TEMPERATURE_SCALE + TEMPERATURE_OFFSET
        measured = scene[..., 7] > NOT_MEASURED
        predicted, label = probability > 0.5, truth > 0
        differences = np.ones((*truth.shape, 3), np.float32)
        differences[label & predicted & measured] = (0.8, 0.8, 0.8)
        differences[predicted & ~label & measured] = (0.84, 0.37, 0.0)
        differences[label & ~predicted & measured] = (0.0, 0.45, 0.7)
        row[0].imshow(colours)
        if not colours[measured].any():
            row[0].set_xlabel("night: nothing is reflected", fontsize=8)
        row[1].imshow(np.where(measured, kelvin, np.nan), cmap="gray_r")
        row[1].set_xlabel(f"{kelvin[measured].min():.0f} K white, {kelvin[measured].max():.0f} K black", fontsize=8)
        row[2].imshow(label, cmap="gray", vmin=0, vmax=1)
        row[3].imshow(probability, cmap="gray", vmin=0, vmax=1)
        row[4].imshow(differences)
        right = (predicted == label)[measured].mean()
        row[4].set_xlabel(f"{right:.1%} right; orange: false, blue: missed cloud", fontsize=8)
        for axes in row:
            axes.set_xticks([])
            axes.set_yticks([])
    for axes, title in zip(rows[0], titles, strict=True):
        axes.set_title(title, fontsize=9)
    figure.savefig(path, dpi=90)
